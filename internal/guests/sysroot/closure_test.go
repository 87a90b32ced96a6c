package sysroot

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// copyOf puts the closure of this machine's shell into a root of its own, with the linker behind an absolute link, as
// Debian's libc6 package has it.
func copyOf(t *testing.T, files []File) string {
	t.Helper()
	root := t.TempDir()
	for _, file := range files {
		path := filepath.Join(root, file.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if strings.Contains(file.Path, "ld-linux") {
			if err := os.Symlink("/real-linker", path); err != nil {
				t.Fatal(err)
			}
			path = filepath.Join(root, "real-linker")
		}
		content, err := os.ReadFile(file.Host)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

func paths(files []File) []string {
	var all []string
	for _, file := range files {
		all = append(all, file.Path)
	}
	return all
}

func TestClosure(t *testing.T) {
	files, err := Closure("/", "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	has := func(part string) bool {
		return slices.ContainsFunc(files, func(f File) bool { return strings.Contains(f.Path, part) })
	}
	if files[0].Path != "/bin/sh" || !has("libc.so.6") || !has("ld-linux") {
		t.Fatalf("closure of /bin/sh: %q, want the shell first, its linker and libc", paths(files))
	}

	root := copyOf(t, files)
	again, err := Closure(root, "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(paths(files), paths(again)) {
		t.Errorf("the copy's closure is %q, the original's %q", paths(again), paths(files))
	}
	for _, file := range again {
		if !strings.HasPrefix(file.Host, root) {
			t.Errorf("%s was taken from %s, outside the root", file.Path, file.Host)
		}
	}
}

func TestClosureNamesTheMissingLibrary(t *testing.T) {
	files, err := Closure("/", "/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	root := copyOf(t, slices.DeleteFunc(files, func(f File) bool { return strings.Contains(f.Path, "libc.so.6") }))
	if _, err := Closure(root, "/bin/sh"); err == nil || !strings.Contains(err.Error(), "libc.so.6") {
		t.Errorf("closure without libc: %v", err)
	}
}
