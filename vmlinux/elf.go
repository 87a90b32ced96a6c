package vmlinux

import (
	"debug/elf"
	"fmt"
	"io"
)

const elf64HeaderSize = 64

// maxLoaded bounds the segments that are read of a vmlinux, maxSymbols its symbol table.
const (
	maxLoaded  = 512 << 20
	maxSymbols = 8 << 20
)

func isELF(data []byte) bool {
	return len(data) >= 4 && string(data[:4]) == elf.ELFMAG
}

func (img *Image) readELF(r io.ReaderAt) error {
	f, err := elf.NewFile(r)
	if err != nil {
		return &Error{What: "the ELF file cannot be read", Offset: -1, Err: err}
	}
	if f.Class != elf.ELFCLASS64 || f.Data != elf.ELFDATA2LSB || f.Machine != elf.EM_X86_64 && f.Machine != elf.EM_AARCH64 {
		return damaged(-1, "an ELF file for %s, %s, %s: x86-64 and little-endian arm64 are supported", f.Machine, f.Class, f.Data)
	}
	if img.Format == "" {
		img.Format = "ELF"
	}
	img.Machine = f.Machine
	if err := img.loadSegments(f); err != nil {
		return err
	}
	if err := img.readSymbols(f); err != nil {
		return err
	}
	if err := img.readAlternatives(f); err != nil {
		return err
	}
	img.finish()
	return nil
}

func (img *Image) loadSegments(f *elf.File) error {
	var total uint64
	for i, p := range f.Progs {
		if p.Type != elf.PT_LOAD || p.Filesz == 0 {
			continue
		}
		if total += p.Filesz; p.Filesz > maxLoaded || total > maxLoaded {
			return damaged(int64(p.Off), "segment %d brings the loaded part to more than %d MiB", i, maxLoaded>>20)
		}
		data, err := readAll(p.ReaderAt, p.Filesz)
		if err != nil {
			return &Error{What: fmt.Sprintf("segment %d of %d bytes cannot be read", i, p.Filesz), Offset: int64(p.Off), Err: err}
		}
		img.segments = append(img.segments, segment{p.Vaddr, data})
	}
	if len(img.segments) == 0 {
		return damaged(-1, "the ELF file has nothing to load: not a linked kernel")
	}
	return nil
}

// readChunk is how much is believed of a stated size before that much was there to read.
const readChunk = 1 << 20

// readAll reads size bytes, and takes memory only for what is there: a size may be a lie.
func readAll(r io.ReaderAt, size uint64) ([]byte, error) {
	var data []byte
	for uint64(len(data)) < size {
		n := int(min(size-uint64(len(data)), max(readChunk, uint64(len(data)))))
		at := len(data)
		data = append(data, make([]byte, n)...)
		if _, err := r.ReadAt(data[at:], int64(at)); err != nil {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return data, nil
}

// readSymbols takes the symbol table, or kallsyms where it was stripped.
func (img *Image) readSymbols(f *elf.File) error {
	table := f.SectionByType(elf.SHT_SYMTAB)
	if table == nil || table.Size < 2*elf.Sym64Size {
		return img.readKallsyms()
	}
	if table.Size/elf.Sym64Size > maxSymbols {
		return damaged(int64(table.Offset), "a symbol table of %d entries", table.Size/elf.Sym64Size)
	}
	all, err := f.Symbols()
	if err != nil {
		return &Error{What: "the symbol table cannot be read", Offset: int64(table.Offset), Err: err}
	}
	img.Names = "ELF symbol table"
	for _, s := range all {
		if t := elf.ST_TYPE(s.Info); s.Name != "" && s.Section != elf.SHN_UNDEF && t != elf.STT_SECTION && t != elf.STT_FILE {
			img.symbols = append(img.symbols, Symbol{Name: s.Name, Addr: s.Value, Size: s.Size})
		}
	}
	return nil
}
