package vmlinux

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"encoding/binary"
	"testing"

	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/ulikunitz/xz"
)

// What follows builds small kernel images of every kind, with the functions of toyKernel in them.

const (
	x86Base   = 0xffffffff81000000
	arm64Base = 0xffff800080000000
	toyBanner = "Linux version 6.1.0-56-toy (us@here)"
)

// toySymbols are names and offsets of a kernel; kallsyms begin behind the code.
var toySymbols = []Symbol{
	{Name: "_text", Addr: 0}, {Name: "first", Addr: 0x40}, {Name: "second", Addr: 0x60}, {Name: "alias_of_second", Addr: 0x60},
	{Name: "a", Addr: 0x80}, {Name: "b", Addr: 0x88}, {Name: "c", Addr: 0x90}, {Name: "d", Addr: 0x98}, {Name: "e", Addr: 0xa0},
	{Name: "__switch_to_asm", Addr: 0x100}, {Name: "f", Addr: 0x120}, {Name: "g", Addr: 0x128}, {Name: "h", Addr: 0x130},
	{Name: "i", Addr: 0x138}, {Name: "j", Addr: 0x140}, {Name: "k", Addr: 0x148}, {Name: "l", Addr: 0x150}, {Name: "_end", Addr: 0x400},
}

const toyCode = 0x400

// manySymbols are more than have one marker.
func manySymbols() []Symbol {
	all := toySymbols
	for i := range 600 {
		all = append(all, Symbol{Name: "more_" + string(rune('a'+i%26)), Addr: 0x400 + uint64(i)})
	}
	return all
}

// layout is what of kallsyms has changed over time.
type layout struct {
	behind   bool // addresses behind the token index
	seqs     bool // kallsyms_seqs_of_names
	absolute bool // 64-bit addresses
	percpu   bool // CONFIG_KALLSYMS_ABSOLUTE_PERCPU
	noBase   bool // relative_base is left to a relocation
}

type tables struct{ bytes.Buffer }

func (t *tables) align() {
	for t.Len()%8 != 0 {
		t.WriteByte(0)
	}
}

func (t *tables) put(v any) { _ = binary.Write(t, binary.LittleEndian, v) }

// kernel returns the memory of a kernel: code, banner, kallsyms.
func kernel(base uint64, syms []Symbol, l layout) (image []byte, baseAt int) {
	var t tables
	code := make([]byte, toyCode)
	for i := range code {
		code[i] = byte(i*7 + i>>8)
	}
	t.Write(code)
	t.WriteString(toyBanner)
	t.align()
	addresses := func() {
		t.align()
		for _, s := range syms {
			switch {
			case l.absolute:
				t.put(base + s.Addr)
			case l.percpu:
				t.put(int32(-1 - int64(s.Addr)))
			default:
				t.put(uint32(s.Addr))
			}
		}
		t.align()
		if !l.absolute {
			baseAt = t.Len()
			if l.noBase {
				t.put(uint64(0))
			} else {
				t.put(base)
			}
		}
	}
	if !l.behind {
		addresses()
	}
	t.align()
	t.put(uint64(len(syms)))
	var marks []uint32
	start := t.Len()
	for i, s := range syms {
		if i%256 == 0 {
			marks = append(marks, uint32(t.Len()-start))
		}
		name := "T" + s.Name
		t.WriteByte(byte(len(name)))
		t.WriteString(name)
	}
	t.align()
	t.put(marks)
	t.align()
	if l.seqs {
		t.Write(make([]byte, 3*len(syms)))
		t.align()
	}
	var index []uint16
	start = t.Len()
	for i := range 256 {
		index = append(index, uint16(t.Len()-start))
		if i > ' ' && i < 0x7f {
			t.WriteByte(byte(i))
		} else {
			t.WriteString("two")
		}
		t.WriteByte(0)
	}
	t.align()
	t.put(index)
	if l.behind {
		addresses()
	}
	t.Write(make([]byte, 64))
	t.align()
	return t.Bytes(), baseAt
}

// elfOf wraps memory into an ELF file with one segment, and a symbol table if asked for.
func elfOf(m elf.Machine, base uint64, mem []byte, syms []Symbol) []byte {
	const ehdr, phdr, shdr = 64, 56, 64
	var t tables
	h := elf.Header64{Type: uint16(elf.ET_EXEC), Machine: uint16(m), Version: 1, Phoff: ehdr, Ehsize: ehdr, Phentsize: phdr, Phnum: 1, Shentsize: shdr}
	copy(h.Ident[:], elf.ELFMAG)
	h.Ident[elf.EI_CLASS], h.Ident[elf.EI_DATA], h.Ident[elf.EI_VERSION] = byte(elf.ELFCLASS64), byte(elf.ELFDATA2LSB), 1
	memAt := uint64(ehdr + phdr)
	names, table := []byte{0}, make([]elf.Sym64, 1)
	for _, s := range syms {
		table = append(table, elf.Sym64{Name: uint32(len(names)), Info: byte(elf.STT_FUNC), Shndx: 1, Value: base + s.Addr, Size: s.Size})
		names = append(append(names, s.Name...), 0)
	}
	if syms != nil {
		h.Shoff, h.Shnum, h.Shstrndx = memAt+uint64(len(mem)), 4, 3
	}
	t.put(h)
	t.put(elf.Prog64{Type: uint32(elf.PT_LOAD), Off: memAt, Vaddr: base, Filesz: uint64(len(mem)), Memsz: uint64(len(mem))})
	t.Write(mem)
	if syms == nil {
		return t.Bytes()
	}
	at := h.Shoff + 4*shdr
	size := uint64(len(table) * elf.Sym64Size)
	t.put(elf.Section64{})
	t.put(elf.Section64{Name: 0, Type: uint32(elf.SHT_PROGBITS), Addr: base, Off: memAt, Size: uint64(len(mem))})
	t.put(elf.Section64{Type: uint32(elf.SHT_SYMTAB), Off: at, Size: size, Link: 3, Entsize: elf.Sym64Size})
	t.put(elf.Section64{Type: uint32(elf.SHT_STRTAB), Off: at + size, Size: uint64(len(names))})
	t.put(table)
	t.Write(names)
	return t.Bytes()
}

// imageOf makes memory an arm64 image: its header takes the place of the first code.
func imageOf(mem []byte) []byte {
	mem = bytes.Clone(mem)
	clear(mem[:arm64HeaderEnd])
	copy(mem[arm64MagicAt:], "ARM\x64")
	return mem
}

// relocated adds the relocations that a kernel applies to itself.
func relocated(mem []byte, base uint64, baseAt int) []byte {
	var t tables
	t.Write(mem)
	for _, r := range [][3]uint64{{base + 0x300, 0x403, base + 0x40}, {base + uint64(baseAt), 0x403, base}} {
		t.put(r)
	}
	return t.Bytes()
}

func bzImageOf(payload []byte) []byte {
	head := make([]byte, 5*sector+0x80)
	head[setupSectsAt] = 4
	binary.LittleEndian.PutUint16(head[bootFlagAt:], 0xaa55)
	copy(head[headerMagicAt:], "HdrS")
	binary.LittleEndian.PutUint16(head[versionAt:], 0x20f)
	binary.LittleEndian.PutUint32(head[payloadOffsetAt:], 0x80)
	binary.LittleEndian.PutUint32(head[payloadLengthAt:], uint32(len(payload)))
	return append(append(head, payload...), "trailing signature"...)
}

func zbootOf(payload []byte) []byte {
	head := make([]byte, 0x200)
	copy(head, "MZ\x00\x00zimg")
	binary.LittleEndian.PutUint32(head[zbootOffsetAt:], uint32(len(head)))
	binary.LittleEndian.PutUint32(head[zbootSizeAt:], uint32(len(payload)))
	return append(head, payload...)
}

// sized appends the unpacked size, as the kernel's build does for all but gzip.
func sized(packed []byte, n int) []byte {
	return binary.LittleEndian.AppendUint32(packed, uint32(n))
}

func packed(t testing.TB, how string, data []byte) []byte {
	var out bytes.Buffer
	var err error
	closing := func(w interface {
		Write([]byte) (int, error)
		Close() error
	}) {
		if _, err = w.Write(data); err == nil {
			err = w.Close()
		}
	}
	switch how {
	case "gzip":
		closing(gzip.NewWriter(&out))
	case "zstd":
		w, werr := zstd.NewWriter(&out)
		if werr != nil {
			t.Fatal(werr)
		}
		closing(w)
	case "xz":
		w, werr := xz.NewWriter(&out)
		if werr != nil {
			t.Fatal(werr)
		}
		closing(w)
	case "lz4":
		w := lz4.NewWriter(&out)
		if err := w.Apply(lz4.LegacyOption(true)); err != nil {
			t.Fatal(err)
		}
		closing(w)
	case "lz4 frames":
		closing(lz4.NewWriter(&out))
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
