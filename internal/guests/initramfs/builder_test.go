package initramfs

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/u-root/u-root/pkg/cpio"
)

// entry is what the kernel takes from an archive.
type entry struct {
	Name    string
	Mode    uint64
	Content string
}

func readBack(t *testing.T, b *Builder) []entry {
	t.Helper()
	var archive bytes.Buffer
	n, err := b.WriteTo(&archive)
	if err != nil {
		t.Fatal(err)
	}
	if n != int64(archive.Len()) {
		t.Errorf("WriteTo says %d bytes, wrote %d", n, archive.Len())
	}
	var entries []entry
	err = cpio.ForEachRecord(cpio.Newc.Reader(bytes.NewReader(archive.Bytes())), func(r cpio.Record) error {
		e := entry{Name: r.Name, Mode: r.Mode}
		if r.ReaderAt != nil {
			content, err := io.ReadAll(io.NewSectionReader(r, 0, int64(r.FileSize)))
			if err != nil {
				return err
			}
			e.Content = string(content)
		}
		entries = append(entries, e)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestArchiveIsSortedWithParentsFirst(t *testing.T) {
	host := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(host, []byte("ELF"), 0o700); err != nil {
		t.Fatal(err)
	}
	b := New()
	b.Link("/bin/mix", "/init")
	b.File("/bin.d/late", 0o600, []byte("x"))
	b.File("bin/../etc/job.json", 0o644, []byte("{}"))
	b.Directory("/sys")
	if err := b.Copy("/init", host); err != nil {
		t.Fatal(err)
	}
	want := []entry{
		{"bin", cpio.S_IFDIR | 0o755, ""},
		{"bin/mix", cpio.S_IFLNK | 0o777, "/init"},
		{"bin.d", cpio.S_IFDIR | 0o755, ""},
		{"bin.d/late", cpio.S_IFREG | 0o600, "x"},
		{"dev", cpio.S_IFDIR | 0o755, ""},
		{"dev/console", cpio.S_IFCHR | 0o600, ""},
		{"etc", cpio.S_IFDIR | 0o755, ""},
		{"etc/job.json", cpio.S_IFREG | 0o644, "{}"},
		{"init", cpio.S_IFREG | 0o755, "ELF"},
		{"sys", cpio.S_IFDIR | 0o755, ""},
	}
	if diff := cmp.Diff(want, readBack(t, b)); diff != "" {
		t.Errorf("archive (-want +got):\n%s", diff)
	}
}

func TestSameFilesGiveSameBytes(t *testing.T) {
	var one, two bytes.Buffer
	names := []string{"/a/b/c", "/z", "/m/n"}
	first, second := New(), New()
	for i := range names {
		first.File(names[i], 0o644, []byte(names[i]))
		second.File(names[len(names)-1-i], 0o644, []byte(names[len(names)-1-i]))
	}
	first.WriteTo(&one)
	second.WriteTo(&two)
	if one.Len() == 0 || !bytes.Equal(one.Bytes(), two.Bytes()) {
		t.Error("two archives of the same files differ with the order in which they were added")
	}
}

func TestCopyNamesTheMissingFile(t *testing.T) {
	if err := New().Copy("/init", filepath.Join(t.TempDir(), "absent")); !os.IsNotExist(err) {
		t.Errorf("Copy of a missing file: %v", err)
	}
}
