package kmod

import (
	"bytes"
	"debug/elf"
	"fmt"
	"strings"
)

// Modules returns the named modules and all they depend on, in an order in which they can be loaded. What is built into
// the kernel is left out.
func (t *Tree) Modules(names ...string) ([]Module, error) {
	var loaded []Module
	visited := map[string]bool{}
	var visit func(name, wantedBy string) error
	visit = func(name, wantedBy string) error {
		name = strings.ReplaceAll(name, "-", "_")
		if visited[name] || t.builtin[name] {
			return nil
		}
		visited[name] = true
		if t.files[name] == "" {
			return fmt.Errorf("kernel %s has no module %s, which %s needs", t.Release, name, wantedBy)
		}
		module, err := t.read(name)
		if err != nil {
			return err
		}
		needs, err := depends(module.Content)
		if err != nil {
			return fmt.Errorf("module %s: %w", name, err)
		}
		for _, need := range needs {
			if err := visit(need, name); err != nil {
				return err
			}
		}
		loaded = append(loaded, module)
		return nil
	}
	for _, name := range names {
		if err := visit(name, "this guest"); err != nil {
			return nil, err
		}
	}
	return loaded, nil
}

// depends reads the "depends=" line of a module's .modinfo section.
func depends(module []byte) ([]string, error) {
	file, err := elf.NewFile(bytes.NewReader(module))
	if err != nil {
		return nil, err
	}
	section := file.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("not a kernel module: it has no .modinfo section")
	}
	info, err := section.Data()
	if err != nil {
		return nil, err
	}
	for _, line := range strings.Split(string(info), "\x00") {
		if list, ok := strings.CutPrefix(line, "depends="); ok && list != "" {
			return strings.Split(list, ","), nil
		}
	}
	return nil, nil
}
