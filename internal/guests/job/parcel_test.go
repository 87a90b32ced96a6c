package job

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestJobSurvivesTheWayIn(t *testing.T) {
	want := Job{
		Modules: []string{"/modules/virtio.ko"},
		Steps:   []Step{{Argv: []string{"/bin/mix", "-percent", "5"}, Output: "/tmp/log"}},
		Bring:   []string{"/tmp/a"},
	}
	data, err := want.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Unmarshal(data)
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("job (-want +got):\n%s%v", diff, err)
	}
}

func TestParcelBringsFilesAndResult(t *testing.T) {
	from, to := t.TempDir(), t.TempDir()
	recording := filepath.Join(from, "recording")
	if err := os.WriteFile(recording, bytes.Repeat([]byte("switch"), 1000), 0o644); err != nil {
		t.Fatal(err)
	}
	var disk bytes.Buffer
	said := Result{Kernel: "6.12", CPUs: 2, Steps: []StepResult{{Argv: []string{"perf"}, Seconds: 1.5}}}
	if err := Pack(&disk, []string{recording, filepath.Join(from, "absent")}, said); err != nil {
		t.Fatal(err)
	}
	disk.Write(make([]byte, 1<<20)) // the rest of the disk

	result, err := Unpack(&disk, to)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(result.Error, "absent was never written") {
		t.Errorf("a missing file is not in the result: %q", result.Error)
	}
	result.Error = ""
	if diff := cmp.Diff(said, result); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	got, err := os.ReadFile(filepath.Join(to, "recording"))
	if err != nil || len(got) != 6000 {
		t.Errorf("recording: %d bytes, %v", len(got), err)
	}
}

func TestParcelOfAGuestThatDied(t *testing.T) {
	var disk bytes.Buffer
	if err := Pack(&disk, nil, Result{Kernel: "6.12"}); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string][]byte{"empty disk": make([]byte, 4096), "cut short": disk.Bytes()[:600][:512]} {
		if _, err := Unpack(bytes.NewReader(content), t.TempDir()); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
