// Package sysroot finds what a dynamically linked program of another system needs in order to run there.
package sysroot

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	securejoin "github.com/cyphar/filepath-securejoin"
)

// libraryDirs are where the dynamic linker of Debian looks without being told.
var libraryDirs = []string{
	"/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu",
	"/lib/aarch64-linux-gnu", "/usr/lib/aarch64-linux-gnu",
	"/lib", "/usr/lib",
}

// File is one file of a closure.
type File struct {
	Path string // where the program expects it
	Host string // the regular file with its content, links followed inside the root
}

// Closure returns the program at path below root, its dynamic linker and every library it is linked with.
// It reads the files instead of running them, so that the root may be of another architecture.
func Closure(root, path string) ([]File, error) {
	var files []File
	pending := []string{path}
	for len(pending) > 0 {
		path, pending = pending[0], pending[1:]
		if slices.ContainsFunc(files, func(f File) bool { return f.Path == path }) {
			continue
		}
		host, err := inside(root, path)
		if err != nil {
			return nil, err
		}
		files = append(files, File{Path: path, Host: host})
		needs, err := needs(root, host)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		pending = append(pending, needs...)
	}
	return files, nil
}

// needs are the paths that one ELF file asks for: its interpreter and its libraries.
func needs(root, host string) ([]string, error) {
	file, err := elf.Open(host)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	var paths []string
	for _, segment := range file.Progs {
		if segment.Type == elf.PT_INTERP {
			name := make([]byte, segment.Filesz)
			if _, err := segment.ReadAt(name, 0); err != nil {
				return nil, err
			}
			paths = append(paths, string(name[:len(name)-1]))
		}
	}
	libraries, err := file.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, name := range libraries {
		path, err := findLibrary(root, name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, path)
	}
	return paths, nil
}

func findLibrary(root, name string) (string, error) {
	for _, dir := range libraryDirs {
		path := filepath.Join(dir, name)
		if _, err := inside(root, path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("library %s is in none of the library directories below %s", name, root)
}

// inside resolves a path as if root were /: libraries are mostly links, and some of the links are absolute.
func inside(root, path string) (string, error) {
	host, err := securejoin.SecureJoin(root, path)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(host); err != nil {
		return "", err
	}
	return host, nil
}
