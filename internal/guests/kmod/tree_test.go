package kmod

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/ulikunitz/xz"
)

const release = "6.12.0-test"

// modinfo makes a relocatable ELF file with nothing in it but a .modinfo section.
func modinfo(t *testing.T, lines ...string) []byte {
	t.Helper()
	info := []byte(strings.Join(lines, "\x00") + "\x00")
	names := []byte("\x00.modinfo\x00.shstrtab\x00")
	const headerSize, sectionSize = 64, 64
	infoAt := uint64(headerSize)
	namesAt := infoAt + uint64(len(info))
	var file bytes.Buffer
	write := func(v any) {
		if err := binary.Write(&file, binary.LittleEndian, v); err != nil {
			t.Fatal(err)
		}
	}
	write(elf.Header64{
		Ident: [16]byte{0x7f, 'E', 'L', 'F', byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), byte(elf.EV_CURRENT)},
		Type:  uint16(elf.ET_REL), Machine: uint16(elf.EM_X86_64), Version: 1, Shoff: namesAt + uint64(len(names)),
		Ehsize: headerSize, Shentsize: sectionSize, Shnum: 3, Shstrndx: 2,
	})
	write(info)
	write(names)
	write(elf.Section64{})
	write(elf.Section64{Name: 1, Type: uint32(elf.SHT_PROGBITS), Off: infoAt, Size: uint64(len(info))})
	write(elf.Section64{Name: 10, Type: uint32(elf.SHT_STRTAB), Off: namesAt, Size: uint64(len(names))})
	return file.Bytes()
}

func compressed(t *testing.T, data []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := xz.NewWriter(&out)
	if err != nil {
		t.Fatal(err)
	}
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func fakeTree(t *testing.T, files map[string][]byte) string {
	t.Helper()
	root := t.TempDir()
	for name, data := range files {
		path := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root
}

// standard resembles a kernel whose virtio bus is modular and whose PCI support is not.
func standard(t *testing.T) map[string][]byte {
	drivers := "lib/modules/" + release + "/kernel/drivers/"
	return map[string][]byte{
		"boot/vmlinuz-" + release:                       []byte("kernel"),
		"lib/modules/" + release + "/modules.builtin":   []byte("kernel/drivers/pci/pci-core.ko\n"),
		drivers + "virtio/virtio.ko":                    modinfo(t, "license=GPL", "depends=virtio_ring"),
		drivers + "virtio/virtio_ring.ko":               modinfo(t, "depends="),
		drivers + "block/virtio-blk.ko.xz":              compressed(t, modinfo(t, "depends=virtio,virtio_ring,pci_core")),
		drivers + "block/broken.ko":                     modinfo(t, "depends=absent"),
		drivers + "block/text.ko":                       []byte("not an ELF file"),
		"lib/modules/" + release + "/modules.order":     nil,
		"usr/share/doc/linux-image/changelog.Debian.gz": nil,
	}
}

func TestModulesComeAfterWhatTheyDependOn(t *testing.T) {
	tree, err := Open(fakeTree(t, standard(t)))
	if err != nil {
		t.Fatal(err)
	}
	if tree.Release != release || filepath.Base(tree.Image) != "vmlinuz-"+release {
		t.Errorf("found the kernel %q, image %s", tree.Release, tree.Image)
	}
	modules, err := tree.Modules("virtio-blk", "virtio", "pci-core")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, m := range modules {
		names = append(names, m.Name)
		if !bytes.HasPrefix(m.Content, []byte("\x7fELF")) {
			t.Errorf("module %s was not decompressed", m.Name)
		}
	}
	if diff := cmp.Diff([]string{"virtio_ring", "virtio", "virtio_blk"}, names); diff != "" {
		t.Errorf("load order (-want +got):\n%s", diff)
	}
}

func TestModulesThatCannotBeLoaded(t *testing.T) {
	tree, err := Open(fakeTree(t, standard(t)))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"nosuch": "has no module nosuch, which this guest needs",
		"broken": "has no module absent, which broken needs",
		"text":   "module text:",
	} {
		if _, err := tree.Modules(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Modules(%q): %v, want %q", name, err, want)
		}
	}
}

func TestOpenRefusesATreeThatIsNotOneKernel(t *testing.T) {
	without := func(prefix string) map[string][]byte {
		files := standard(t)
		for name := range files {
			if strings.HasPrefix(name, prefix) {
				delete(files, name)
			}
		}
		return files
	}
	two := standard(t)
	two["boot/vmlinuz-other"] = nil
	for want, files := range map[string]map[string][]byte{
		"0 kernels":                 without("boot/"),
		"2 kernels":                 two,
		"no lib/modules/" + release: without("lib/"),
		"are built into the kernel": without("lib/modules/" + release + "/modules.builtin"),
	} {
		if _, err := Open(fakeTree(t, files)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Open: %v, want %q", err, want)
		}
	}
}
