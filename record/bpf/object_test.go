package bpf

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The compiler's version is part of what it makes.
const compiler = "clang version 14."

// The committed object must be what its source compiles to.
func TestTheObjectIsUpToDate(t *testing.T) {
	version, err := exec.Command("clang", "--version").Output()
	if err != nil || !strings.Contains(string(version), compiler) {
		t.Skip("needs Debian 12's clang 14, llvm and libbpf-dev to compile the programs")
	}
	if _, err := exec.LookPath("llvm-strip"); err != nil {
		t.Skip("needs llvm-strip, of the package llvm")
	}
	dir := t.TempDir()
	for _, name := range []string{"record.bpf.c", "kernel.h", "shelf.h", "doc.go"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	line := ""
	for l := range strings.Lines(string(mustRead(t, "doc.go"))) {
		if rest, ok := strings.CutPrefix(l, "//go:generate "); ok {
			line = strings.TrimSpace(rest)
		}
	}
	args := strings.Fields(line)
	for i, a := range args {
		if a == "-output-stem" {
			args = append(args[:i:i], append([]string{"-output-dir", dir}, args[i:]...)...)
			break
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "GOPACKAGE=bpf")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", line, err, out)
	}
	for _, name := range []string{"object_bpfel.o", "object_bpfel.go"} {
		if !bytes.Equal(mustRead(t, name), mustRead(t, filepath.Join(dir, name))) {
			t.Errorf("%s is not what its source makes: go generate ./record/bpf", name)
		}
	}
}

func mustRead(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
