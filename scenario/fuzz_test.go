package scenario_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"switchyard/scenario"
)

// FuzzScenario: whatever the text, a scenario runs or is refused in words; it is never a fault of ours.
func FuzzScenario(f *testing.F) {
	for _, pattern := range []string{"testdata/bad/*.star", "testdata/traces/*.star", "../scenarios/0[1-9]*.star"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(src)
		}
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		_, err := scenario.Run("fuzz.star", src, scenario.Options{})
		if err == nil {
			return
		}
		var e *scenario.Error
		if !errors.As(err, &e) || e.Kind == scenario.Fault {
			t.Fatal(err)
		}
		if e.Line < 1 || e.Msg == "" {
			t.Fatalf("says too little: %+v", e)
		}
	})
}
