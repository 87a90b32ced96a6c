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
	Config  string // the file that tells how it was configured; empty if there is none

	modules string            // the directory of this release's modules
	files   map[string]string // module name → file
	builtin map[string]bool
}

// Open finds the one kernel below root.
func Open(root string) (*Tree, error) {
	tree := &Tree{files: map[string]string{}}
	var err error
	if tree.Image, tree.Release, err = findImage(root); err != nil {
		return nil, err
	}
	for _, lib := range []string{"lib/modules", "usr/lib/modules"} {
		dir := filepath.Join(root, lib, tree.Release)
		if _, err := os.Stat(dir); err == nil {
			tree.modules = dir
		}
	}
	if tree.modules == "" {
		return nil, fmt.Errorf("%s holds the kernel %s but no lib/modules/%s", root, tree.Release, tree.Release)
	}
	for _, config := range []string{filepath.Join(root, "boot/config-"+tree.Release), filepath.Join(tree.modules, "config")} {
		if _, err := os.Stat(config); err == nil {
			tree.Config = config
		}
	}
	return tree, tree.index()
}

// findImage looks where Debian puts kernels: below /boot, and since 7.2 beside their modules.
func findImage(root string) (image, release string, err error) {
	boot, err := filepath.Glob(filepath.Join(root, "boot/vmlinuz-*"))
	if err != nil {
		return "", "", err
	}
	beside, err := filepath.Glob(filepath.Join(root, "usr/lib/modules/*/vmlinuz"))
	if err != nil {
		return "", "", err
	}
	switch {
	case len(boot) == 1 && len(beside) == 0:
		return boot[0], strings.TrimPrefix(filepath.Base(boot[0]), "vmlinuz-"), nil
	case len(boot) == 0 && len(beside) == 1:
		return beside[0], filepath.Base(filepath.Dir(beside[0])), nil
	}
	return "", "", fmt.Errorf("%s holds %d kernels (boot/vmlinuz-*, usr/lib/modules/*/vmlinuz), want exactly one", root, len(boot)+len(beside))
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
