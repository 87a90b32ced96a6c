package scenario_test

import (
	"os"
	"path/filepath"
	"testing"

	"switchyard/machine"
	"switchyard/scenario"
)

// Every scenario of the collection holds, and so do the traces.
func TestScenarios(t *testing.T) {
	for _, pattern := range []string{"../scenarios/*.star", "testdata/traces/*.star"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %v, %d files", pattern, err, len(files))
		}
		for _, file := range files {
			t.Run(filepath.Base(file), func(t *testing.T) {
				t.Parallel()
				src, err := os.ReadFile(file)
				if err != nil {
					t.Fatal(err)
				}
				res, err := scenario.Run(filepath.Base(file), src, scenario.Options{})
				if err != nil {
					t.Fatal(err)
				}
				if res.Title == "" || res.Expectations == 0 {
					t.Errorf("title %q, %d expectations: a scenario says what it asks and what must be true", res.Title, res.Expectations)
				}
			})
		}
	}
}

// Registers change no result: what holds without them holds with them.
func TestScenariosOnRegisters(t *testing.T) {
	on := func(c *machine.Config) error {
		c.Registers = c.Arch == machine.ARM64
		return nil
	}
	files, err := filepath.Glob("../scenarios/*.star")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := scenario.Run(filepath.Base(file), src, scenario.Options{Override: on}); err != nil {
				t.Fatal(err)
			}
		})
	}
}
