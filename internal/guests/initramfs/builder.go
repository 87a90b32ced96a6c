// Package initramfs writes the first file system of a guest: a newc cpio archive.
package initramfs

import (
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/u-root/u-root/pkg/cpio"
)

// Builder collects files. Their order does not matter: the archive is sorted, because the kernel unpacks as it reads and
// a directory has to come before what is in it, and because the same files should give the same bytes.
type Builder struct {
	records map[string]cpio.Record
}

// New returns an archive with nothing in it but the console, without which init has no output.
func New() *Builder {
	b := &Builder{records: map[string]cpio.Record{}}
	b.add(cpio.CharDev(clean("/dev/console"), 0o600, 5, 1))
	return b
}

// Directory adds an empty directory, to mount something on.
func (b *Builder) Directory(name string) {
	b.add(cpio.Directory(clean(name), 0o755))
}

// File adds a file with the given content.
func (b *Builder) File(name string, perm os.FileMode, content []byte) {
	b.add(cpio.StaticFile(clean(name), string(content), uint64(perm.Perm())))
}

// Copy adds a file of this machine, keeping only whether it can be executed.
func (b *Builder) Copy(name, host string) error {
	content, err := os.ReadFile(host)
	if err != nil {
		return err
	}
	info, err := os.Stat(host)
	if err != nil {
		return err
	}
	perm := os.FileMode(0o644)
	if info.Mode()&0o111 != 0 {
		perm = 0o755
	}
	b.File(name, perm, content)
	return nil
}

// Link adds a symbolic link.
func (b *Builder) Link(name, target string) {
	b.add(cpio.Symlink(clean(name), target))
}

// WriteTo writes the archive.
func (b *Builder) WriteTo(w io.Writer) (int64, error) {
	counted := &counter{w: w}
	out := cpio.Newc.Writer(counted)
	for _, name := range b.names() {
		if err := out.WriteRecord(cpio.MakeReproducible(b.records[name])); err != nil {
			return counted.n, fmt.Errorf("initramfs: %s: %w", name, err)
		}
	}
	err := cpio.WriteTrailer(out)
	return counted.n, err
}

// names sorts by path elements, so that "a/b" comes after "a" and before "a.c".
func (b *Builder) names() []string {
	names := make([]string, 0, len(b.records))
	for name := range b.records {
		names = append(names, name)
	}
	slices.SortFunc(names, func(x, y string) int {
		return slices.Compare(strings.Split(x, "/"), strings.Split(y, "/"))
	})
	return names
}

// add keeps the record and makes the directories above it.
func (b *Builder) add(record cpio.Record) {
	for dir := path.Dir(record.Name); dir != "."; dir = path.Dir(dir) {
		if _, ok := b.records[dir]; !ok {
			b.records[dir] = cpio.Directory(dir, 0o755)
		}
	}
	b.records[record.Name] = record
}

// clean makes a name relative: the kernel unpacks into /, and cpio names carry no leading slash.
func clean(name string) string {
	return strings.TrimPrefix(path.Clean("/"+name), "/")
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n += int64(n)
	return n, err
}
