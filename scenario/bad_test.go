package scenario_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchyard/scenario"
)

var update = flag.Bool("update", false, "rewrite the golden messages")

// A scenario that is wrong, or whose expectations do not hold, is told what is wrong where. The golden
// file beside each begins with the exit code.
func TestBadScenarios(t *testing.T) {
	files, err := filepath.Glob("testdata/bad/*.star")
	if err != nil || len(files) < 30 {
		t.Fatalf("%v, %d files", err, len(files))
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".star"), func(t *testing.T) {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			_, err = scenario.Run(filepath.Base(file), src, scenario.Options{})
			var e *scenario.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v, want an error of ours", err)
			}
			if e.Kind == scenario.Fault {
				t.Fatal(err)
			}
			got := fmt.Sprintf("exit %d\n%v\n", e.ExitCode(), err)
			golden := strings.TrimSuffix(file, ".star") + ".golden"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// A scenario that asks for too much is stopped. Where it stood by then is no matter.
func TestLimits(t *testing.T) {
	for name, want := range map[string]string{"loop": "too long", "memory": "too much memory"} {
		src, err := os.ReadFile("testdata/limits/" + name + ".star")
		if err != nil {
			t.Fatal(err)
		}
		_, err = scenario.Run(name+".star", src, scenario.Options{})
		var e *scenario.Error
		if !errors.As(err, &e) || e.Kind != scenario.Wrong || !strings.Contains(e.Msg, want) {
			t.Errorf("%s: got %v, want one that says %q", name, err, want)
		}
	}
}
