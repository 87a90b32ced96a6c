package vmlinux

import (
	"bytes"
	"debug/elf"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func open(t *testing.T, file []byte) *Image {
	t.Helper()
	img, err := Read(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		t.Fatal(err)
	}
	return img
}

// isToy looks for the toy kernel in an image.
func isToy(t *testing.T, img *Image, m elf.Machine, base uint64, mem []byte) {
	t.Helper()
	if img.Machine != m || img.Release != "6.1.0-56-toy" {
		t.Errorf("machine %v, release %q", img.Machine, img.Release)
	}
	f, err := img.Function("__switch_to_asm")
	if err != nil {
		t.Fatal(err)
	}
	if want := mem[0x100:0x120]; f.Addr != base+0x100 || !bytes.Equal(f.Code, want) {
		t.Errorf("__switch_to_asm is at %#x: % x, want %#x: % x", f.Addr, f.Code, base+0x100, want)
	}
	for addr, want := range map[uint64]string{0x60: "second", 0x67: "second+0x7", 0x128: "g", 0x40: "first"} {
		if got := img.Symbol(base + addr); got != want {
			t.Errorf("symbol at %#x: %q, want %q", addr, got, want)
		}
	}
	if got := img.Symbol(base - 1); got != "" {
		t.Errorf("below the image is %q", got)
	}
}

func TestKallsymsOfAllLayouts(t *testing.T) {
	for name, l := range map[string]layout{
		"4.4, absolute":          {absolute: true},
		"4.9, relative":          {},
		"5.10, x86":              {percpu: true},
		"6.1, x86":               {percpu: true, seqs: true},
		"6.1, arm64":             {seqs: true},
		"6.12, x86":              {behind: true, percpu: true, seqs: true},
		"6.12, arm64":            {behind: true, seqs: true},
		"absolute, behind a seq": {absolute: true, seqs: true},
	} {
		for _, syms := range [][]Symbol{toySymbols, manySymbols()} {
			t.Run(name, func(t *testing.T) {
				mem, _ := kernel(x86Base, syms, l)
				img := open(t, elfOf(elf.EM_X86_64, x86Base, mem, nil))
				if img.Names != "kallsyms" || len(img.symbols) != len(syms) {
					t.Errorf("%d names from %s, want %d", len(img.symbols), img.Names, len(syms))
				}
				isToy(t, img, elf.EM_X86_64, x86Base, mem)
			})
		}
	}
}

func TestSymbolTable(t *testing.T) {
	mem, _ := kernel(x86Base, toySymbols, layout{percpu: true})
	syms := []Symbol{{Name: "first", Addr: 0x40}, {Name: "second", Addr: 0x60}, {Name: "g", Addr: 0x128}, {Name: "__switch_to_asm", Addr: 0x100, Size: 0x20}}
	img := open(t, elfOf(elf.EM_X86_64, x86Base, mem, syms))
	if img.Names != "ELF symbol table" || img.Format != "ELF" {
		t.Errorf("names from %s, format %s", img.Names, img.Format)
	}
	isToy(t, img, elf.EM_X86_64, x86Base, mem)
}

func TestContainers(t *testing.T) {
	x86, _ := kernel(x86Base, toySymbols, layout{percpu: true, seqs: true})
	vmlinux := elfOf(elf.EM_X86_64, x86Base, x86, nil)
	for _, c := range []string{"gzip", "xz", "zstd", "lz4", "lz4 frames"} {
		name, _, _ := strings.Cut(c, " ")
		t.Run("bzImage, "+c, func(t *testing.T) {
			payload := packed(t, c, vmlinux)
			if c != "gzip" {
				payload = sized(payload, len(vmlinux))
			}
			img := open(t, bzImageOf(payload))
			if want := "bzImage (" + name + "), ELF"; img.Format != want {
				t.Errorf("format %q, want %q", img.Format, want)
			}
			isToy(t, img, elf.EM_X86_64, x86Base, x86)
		})
	}
	arm, _ := kernel(arm64Base, toySymbols, layout{behind: true, seqs: true})
	arm = imageOf(arm)
	for name, file := range map[string][]byte{
		"Image":                     arm,
		"gzip, Image":               packed(t, "gzip", arm),
		"zboot (gzip), Image":       zbootOf(packed(t, "gzip", arm)),
		"zboot (zstd), Image":       zbootOf(sized(packed(t, "zstd", arm), len(arm))),
		"gzip, zboot (zstd), Image": packed(t, "gzip", zbootOf(packed(t, "zstd", arm))),
	} {
		t.Run(name, func(t *testing.T) {
			img := open(t, file)
			if img.Format != name {
				t.Errorf("format %q", img.Format)
			}
			isToy(t, img, elf.EM_AARCH64, arm64Base, arm)
		})
	}
}

// TestRelocatedImage reads an image as arm64's linker leaves it: what kallsyms are relative to is in a
// relocation. One of the two has no name for its beginning either.
func TestRelocatedImage(t *testing.T) {
	for _, syms := range [][]Symbol{toySymbols, toySymbols[1:]} {
		mem, baseAt := kernel(arm64Base, syms, layout{seqs: true, noBase: true})
		mem = imageOf(mem)
		isToy(t, open(t, relocated(mem, arm64Base, baseAt)), elf.EM_AARCH64, arm64Base, mem)
	}
}

func TestErrorsAreForAPerson(t *testing.T) {
	mem, _ := kernel(x86Base, toySymbols, layout{percpu: true})
	vmlinux := elfOf(elf.EM_X86_64, x86Base, mem, nil)
	whole := bzImageOf(packed(t, "gzip", vmlinux))
	old := bytes.Clone(whole)
	old[versionAt] = 7
	bigEndian := imageOf(mem)
	bigEndian[arm64FlagsAt] = 1
	nest := packed(t, "gzip", vmlinux)
	for range maxWrappings {
		nest = packed(t, "gzip", nest)
	}
	for want, file := range map[string][]byte{
		"no kernel image":                 []byte("hello"),
		"the bzImage is cut off":          whole[:len(whole)/2],
		"boot protocol 2.07":              old,
		"big-endian":                      bigEndian,
		"no kallsyms in it":               elfOf(elf.EM_X86_64, x86Base, mem[:toyCode], nil),
		"x86-64 and little-endian arm64":  elfOf(elf.EM_PPC64, x86Base, mem, nil),
		"ELF file cannot be read":         vmlinux[:40],
		"segment 0 of":                    vmlinux[:len(vmlinux)/2],
		"compressed in a way that is not": bzImageOf([]byte("not compressed")),
		"lzo is not supported":            bzImageOf([]byte("\x89LZO\x00")),
		"gzip data in it cannot":          bzImageOf(packed(t, "gzip", vmlinux)[:100]),
		"lz4 data in it cannot":           bzImageOf(packed(t, "lz4", vmlinux)[:100]),
		"images inside images":            nest,
	} {
		_, err := Read(bytes.NewReader(file), int64(len(file)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
	img := open(t, whole)
	if _, err := img.Function("nothing"); err == nil || !strings.Contains(err.Error(), "does not have nothing") {
		t.Errorf("a function that is not there: %v", err)
	}
	if _, err := img.Function("_end"); err == nil {
		t.Error("the last symbol has an end")
	}
}

func TestOpen(t *testing.T) {
	mem, _ := kernel(x86Base, toySymbols, layout{percpu: true})
	path := filepath.Join(t.TempDir(), "vmlinux")
	if err := os.WriteFile(path, elfOf(elf.EM_X86_64, x86Base, mem, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	img, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	isToy(t, img, elf.EM_X86_64, x86Base, mem)
	for _, bad := range []string{t.TempDir(), path + "x"} {
		if _, err := Open(bad); err == nil || !strings.Contains(err.Error(), bad) {
			t.Errorf("%s: %v", bad, err)
		}
	}
}

// FuzzImage wants that no ELF file or flat image makes the reader panic, or give out a function that is
// not in it.
func FuzzImage(f *testing.F) {
	mem, _ := kernel(x86Base, toySymbols, layout{percpu: true, seqs: true})
	f.Add(elfOf(elf.EM_X86_64, x86Base, mem, nil))
	f.Add(elfOf(elf.EM_X86_64, x86Base, mem, toySymbols))
	arm, baseAt := kernel(arm64Base, toySymbols, layout{behind: true, noBase: true})
	f.Add(relocated(imageOf(arm), arm64Base, baseAt))
	f.Fuzz(func(t *testing.T, file []byte) {
		if len(file) < 4 || compressionOf(file) != nil || isBzImage(file) || isZboot(file) {
			return // FuzzContainer's, whose decoders make an engine slow that looks at coverage
		}
		readAnything(t, file)
	})
}

// FuzzContainer wants the same of what images are wrapped in.
func FuzzContainer(f *testing.F) {
	for _, c := range []string{"gzip", "xz", "zstd", "lz4", "lz4 frames"} {
		f.Add(bzImageOf(sized(packed(f, c, []byte("a kernel")), 8)))
	}
	f.Add(zbootOf(packed(f, "gzip", []byte("a kernel"))))
	f.Fuzz(readAnything)
}

func readAnything(t *testing.T, file []byte) {
	img, err := Read(bytes.NewReader(file), int64(len(file)))
	if err != nil {
		return
	}
	for _, s := range img.symbols[:min(len(img.symbols), 100)] {
		if fn, err := img.Function(s.Name); err == nil {
			img.Symbol(fn.Addr)
			img.Alternatives(fn)
		}
	}
}
