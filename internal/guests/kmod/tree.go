// Package kmod finds a kernel and its modules in the files of an unpacked kernel package.
package kmod

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/ulikunitz/xz"
)

// Tree is an unpacked kernel package.
type Tree struct {
	Release string // as uname -r will print it
	Image   string // the file that is booted

	modules string            // the directory of this release's modules
	files   map[string]string // module name → file
	builtin map[string]bool
}

// Open finds the one kernel below root.
func Open(root string) (*Tree, error) {
	images, err := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
	if err != nil {
		return nil, err
	}
	if len(images) != 1 {
		return nil, fmt.Errorf("%s holds %d kernels (boot/vmlinuz-*), want exactly one", root, len(images))
	}
	release := strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")
	tree := &Tree{Release: release, Image: images[0], files: map[string]string{}}
	for _, lib := range []string{"lib/modules", "usr/lib/modules"} {
		dir := filepath.Join(root, lib, release)
		if _, err := os.Stat(dir); err == nil {
			tree.modules = dir
		}
	}
	if tree.modules == "" {
		return nil, fmt.Errorf("%s holds the kernel %s but no lib/modules/%s", root, release, release)
	}
	return tree, tree.index()
}

// index notes every module's file and which modules are part of the kernel image. modules.dep is not there to be read:
// depmod writes it when a package is installed, and ours is only unpacked.
func (t *Tree) index() error {
	err := filepath.WalkDir(t.modules, func(path string, entry fs.DirEntry, err error) error {
		if name, ok := moduleName(path); ok && err == nil && !entry.IsDir() {
			t.files[name] = path
		}
		return err
	})
	if err != nil {
		return err
	}
	t.builtin, err = readBuiltin(filepath.Join(t.modules, "modules.builtin"))
	return err
}

func readBuiltin(path string) (map[string]bool, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("cannot tell which modules are built into the kernel: %w", err)
	}
	builtin := map[string]bool{}
	for line := range strings.Lines(string(text)) {
		if name, ok := moduleName(strings.TrimSpace(line)); ok {
			builtin[name] = true
		}
	}
	return builtin, nil
}

// moduleName is the name the kernel knows a module's file by: without directory and endings, and with - spelt as _.
func moduleName(path string) (string, bool) {
	base := strings.TrimSuffix(filepath.Base(path), ".xz")
	name, ok := strings.CutSuffix(base, ".ko")
	return strings.ReplaceAll(name, "-", "_"), ok
}

// Module is a module ready to be loaded.
type Module struct {
	Name    string
	Content []byte // decompressed: not every kernel can do that itself
}

func (t *Tree) read(name string) (Module, error) {
	path := t.files[name]
	file, err := os.Open(path)
	if err != nil {
		return Module{}, err
	}
	defer file.Close()
	var content io.Reader = file
	if strings.HasSuffix(path, ".xz") {
		if content, err = xz.NewReader(file); err != nil {
			return Module{}, fmt.Errorf("%s: %w", path, err)
		}
	}
	data, err := io.ReadAll(content)
	if err != nil {
		return Module{}, fmt.Errorf("%s: %w", path, err)
	}
	return Module{Name: name, Content: data}, nil
}
