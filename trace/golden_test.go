package trace

import (
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files with what the readers give now")

// story is everything that a reader says about a recording.
func story(src io.Reader) string {
	var b strings.Builder
	r, err := NewReader(src)
	if err != nil {
		return fmt.Sprintf("open: %v\n", err)
	}
	defer r.Close()
	var e Event
	for err = r.Next(&e); err == nil; err = r.Next(&e) {
		fmt.Fprintf(&b, "%s  @%d\n", &e, e.Offset)
	}
	m := r.Meta()
	fmt.Fprintf(&b, "\nformat %s, release %q, arch %q, cpus %d/%d, clock %q\n", m.Format, m.Release, m.Arch, m.Online, m.CPUs, m.Clock)
	fmt.Fprintf(&b, "tool %q, command %q, events %q\n", m.Tool, m.Command, m.Events)
	fmt.Fprintf(&b, "lost: %s\nignored: %d\nend: %v\n", r.Losses(), r.Losses().Ignored, err)
	return b.String()
}

func checkGolden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("differs from %s (-want +got):\n%s", path, diff)
	}
}

// TestRecordings reads what perf and ftrace recorded.
func TestRecordings(t *testing.T) {
	var paths []string
	for _, pattern := range []string{"testdata/perf/*.data", "testdata/ftrace/*.txt"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		paths = append(paths, found...)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			f, err := os.Open(path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil {
				t.Fatal(err)
			}
			checkGolden(t, path+".golden", story(io.NewSectionReader(f, 0, info.Size())))
		})
	}
}
