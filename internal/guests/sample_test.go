//go:build linux

package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"

	"switchyard/internal/guests/debian"
)

const sampleDir = "../../replay/sample"

// TestBundledSample holds the recording against its README: neither may be replaced without the other.
func TestBundledSample(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(sampleDir, "*.perf.data.zst"))
	if err != nil || len(files) != 1 {
		t.Fatalf("%s holds %d recordings (%v), want one", sampleDir, len(files), err)
	}
	data, err := os.ReadFile(files[0])
	if err != nil {
		t.Fatal(err)
	}
	if len(data) > maxSample {
		t.Errorf("the sample has %d bytes, more than %d", len(data), maxSample)
	}
	readme, err := os.ReadFile(filepath.Join(sampleDir, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, fact := range []string{filepath.Base(files[0]), fmt.Sprintf("%x", sha256.Sum256(data)), fmt.Sprintf("%d bytes", len(data)), "| events lost | 0 |"} {
		if !strings.Contains(string(readme), fact) {
			t.Errorf("the sample's README does not say %q", fact)
		}
	}
	checkUnpacked(t, data)
}

// checkUnpacked looks for a perf.data file that names nothing of the machine that ran the guest.
func checkUnpacked(t *testing.T, data []byte) {
	t.Helper()
	r, err := zstd.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	recording, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(recording, []byte("PERFILE2")) {
		t.Errorf("the sample begins with %q, not as a perf.data file", recording[:min(8, len(recording))])
	}
	if host, err := os.Hostname(); err == nil && len(host) > 5 && bytes.Contains(recording, []byte(host)) {
		t.Errorf("the sample holds the name of this machine, %q", host)
	}
}

func TestReadmeCanBeFollowed(t *testing.T) {
	text := provenance{
		File: "f.zst", Kernel: debian.Package{Name: "linux-image-6.12.1-cloud-amd64", Version: "6.12.1-1"},
		Release: "6.12.1-cloud-amd64", Arch: "amd64", CPUs: 2, Percent: 50,
		Counts: counts{Events: map[string]int{"sched_switch": 30}, Switches: map[int]int{0: 10, 1: 20}, Names: []string{"mix"}},
	}.readme()
	for _, want := range []string{
		"| context switches | 30; CPU 0: 10; CPU 1: 20 |",
		"go run ./internal/guests record-sample --kernel linux-image-6.12.1-cloud-amd64 --arch amd64 --cpus 2 --percent 50\n",
		"`--kernel 6.12`", "| sched_switch | 30 |", "Tasks: `mix`.",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("README lacks %q:\n%s", want, text)
		}
	}
}

func TestRecordSampleRefusesArguments(t *testing.T) {
	for _, args := range [][]string{{"extra"}, {"--cpus", "two"}, {"--nosuch"}, {"--cpus", "0"}, {"--percent", "0"}, {"--arch", "riscv64"}} {
		cmd := recordSample()
		cmd.SetArgs(args)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		if err := cmd.Execute(); err == nil {
			t.Errorf("record-sample %q: no error", args)
		}
	}
}
