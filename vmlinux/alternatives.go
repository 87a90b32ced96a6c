package vmlinux

import (
	"debug/elf"
	"slices"
)

// Alternative is a place in x86 code that the kernel changes when it boots, on a CPU with some feature:
// a struct alt_instr.
type Alternative struct {
	Addr        uint64
	Len         int    // bytes that are replaced; what the replacement does not fill becomes nops
	Feature     int    // X86_FEATURE number: word*32 + bit
	Not         bool   // on a CPU without it
	From        uint64 // where the replacement is in the image: its relative addresses count from there
	Replacement []byte
}

const (
	altInstructions = ".altinstructions"
	maxAltSection   = 16 << 20
)

// altForm is one of the forms that struct alt_instr has had: two 32-bit offsets from themselves, the
// feature, and the two lengths.
type altForm struct {
	size, lengths int
	not           uint32 // the bit of the feature that turns it round
}

// Since 6.3 the feature is followed by flags; up to then its highest bit was the one flag (since 5.17). Up
// to 5.12 the length of the padding followed.
var altForms = []altForm{
	{14, 12, 1 << 16},
	{12, 10, 1 << 15},
	{13, 10, 1 << 15},
}

// readAlternatives takes the table out of its section. It is no part of what is needed: without it,
// alternatives are not known.
func (img *Image) readAlternatives(f *elf.File) error {
	s := f.Section(altInstructions)
	if s == nil || s.Type != elf.SHT_PROGBITS || img.Machine != elf.EM_X86_64 {
		return nil
	}
	if s.Size > maxAltSection {
		return damaged(int64(s.Offset), "%s of %d bytes", altInstructions, s.Size)
	}
	data := img.at(s.Addr)
	if uint64(len(data)) < s.Size {
		return nil // not loaded, and so no table of this kernel
	}
	for _, form := range altForms {
		if alts, ok := img.alternatives(data[:s.Size], s.Addr, form); ok {
			img.alts = alts
			return nil
		}
	}
	return damaged(int64(s.Offset), "%s has a form that is not known", altInstructions)
}

// alternatives reads a table in one form. In a wrong one, some entry leads out of the image.
func (img *Image) alternatives(data []byte, addr uint64, form altForm) ([]Alternative, bool) {
	if len(data)%form.size != 0 {
		return nil, false
	}
	out := make([]Alternative, 0, len(data)/form.size)
	for at := 0; at < len(data); at += form.size {
		e := data[at : at+form.size]
		here := addr + uint64(at)
		feature := le.Uint32(e[8:])
		if form.lengths == 10 {
			feature &= 0xffff
		}
		a := Alternative{
			Addr: here + uint64(int64(int32(le.Uint32(e)))), Len: int(e[form.lengths]),
			Feature: int(feature &^ form.not & 0xffff), Not: feature&form.not != 0,
			From: here + 4 + uint64(int64(int32(le.Uint32(e[4:])))),
		}
		n := int(e[form.lengths+1])
		from := img.at(a.From)
		if len(img.at(a.Addr)) < a.Len || a.Len == 0 || n > a.Len || len(from) < n {
			return nil, false
		}
		a.Replacement = slices.Clone(from[:n])
		out = append(out, a)
	}
	return out, true
}

// Alternatives returns the places in a function that may change at boot, in the order in which the kernel
// goes through them: of two for one place, the later wins.
func (img *Image) Alternatives(f Function) []Alternative {
	var in []Alternative
	for _, a := range img.alts {
		if a.Addr >= f.Addr && a.Addr < f.Addr+uint64(len(f.Code)) {
			in = append(in, a)
		}
	}
	return in
}
