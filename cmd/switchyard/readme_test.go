package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// notRun are commands of the documents that need what a test machine may not have, or are the test itself.
var notRun = []string{"go test", "git ", "perf ", "sudo ", ".ci/run", "apt-get", "go run ./internal/guests"}

// example is a command that a document shows, and what it says that the command prints. A line "…" stands for
// any number of lines.
type example struct {
	file    string
	line    int
	command string
	output  []string
}

func examples(t *testing.T, file string) []example {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var all []example
	inside := false
	for i, l := range strings.Split(string(text), "\n") {
		switch {
		case strings.HasPrefix(l, "```"):
			inside = l == "```console"
		case !inside:
		case strings.HasPrefix(l, "$ "):
			all = append(all, example{file: filepath.Base(file), line: i + 1, command: l[2:]})
		case len(all) > 0:
			all[len(all)-1].output = append(all[len(all)-1].output, l)
		}
	}
	return all
}

// TestDocumentedExamples runs every command that README.md and docs show, and compares what it prints.
func TestDocumentedExamples(t *testing.T) {
	root, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	bin := filepath.Join(t.TempDir(), "switchyard")
	if out, err := exec.Command("go", "build", "-o", bin, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	files, err := filepath.Glob(filepath.Join(root, "docs", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, f := range append(files, filepath.Join(root, "README.md")) {
		for _, e := range examples(t, f) {
			if slices.ContainsFunc(notRun, func(p string) bool { return strings.HasPrefix(e.command, p) }) {
				continue
			}
			ran++
			e.check(t, root, bin)
		}
	}
	if ran == 0 {
		t.Fatal("no example was found: has the documents' form changed?")
	}
}

func (e *example) check(t *testing.T, root, bin string) {
	t.Helper()
	script := strings.ReplaceAll(e.command, "go run ./cmd/switchyard", "switchyard")
	cmd := exec.CommandContext(context.Background(), "sh", "-c", script)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PATH="+filepath.Dir(bin)+":"+os.Getenv("PATH"), "NO_COLOR=1")
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if code := cmd.ProcessState.ExitCode(); code == exitWrongUse || code < 0 {
		t.Errorf("%s:%d: %s: %v\n%s", e.file, e.line, e.command, err, out.String())
		return
	}
	if missing, ok := shows(out.String(), e.output); !ok {
		t.Errorf("%s:%d: %s does not print\n\t%s\nit prints\n%s", e.file, e.line, e.command, missing, out.String())
	}
}

// shows reports whether the lines come in that order, and the first that does not.
func shows(printed string, lines []string) (missing string, ok bool) {
	have := strings.Split(printed, "\n")
	skipping := false
	for _, want := range lines {
		if want == "…" {
			skipping = true
			continue
		}
		at := 0
		if skipping {
			at = slices.Index(have, want)
		}
		if at < 0 || at >= len(have) || have[at] != want {
			return want, false
		}
		have, skipping = have[at+1:], false
	}
	return "", true
}
