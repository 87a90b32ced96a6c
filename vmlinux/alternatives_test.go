package vmlinux

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// Each form of the table is read, and in no other form does it make sense.
func TestAlternatives(t *testing.T) {
	const addr, table, replacements = 0x1000, 0x1800, 0x1c00
	for i, form := range altForms {
		mem := make([]byte, 0x1000)
		copy(mem[replacements-addr:], "\x0f\xae\xe8\x90")
		var rows bytes.Buffer
		for n, feature := range []uint32{7*32 + 19, form.not | (3*32 + 21)} {
			here := table + n*form.size
			row := make([]byte, form.size)
			binary.LittleEndian.PutUint32(row, uint32(addr+0x20-here))
			binary.LittleEndian.PutUint32(row[4:], uint32(replacements-here-4))
			if form.lengths == 12 {
				binary.LittleEndian.PutUint32(row[8:], feature)
			} else {
				binary.LittleEndian.PutUint16(row[8:], uint16(feature))
			}
			row[form.lengths], row[form.lengths+1] = 5, 3
			rows.Write(row)
		}
		img := &Image{segments: []segment{{addr, mem}}}
		alts, ok := img.alternatives(rows.Bytes(), table, form)
		if !ok || len(alts) != 2 {
			t.Fatalf("form %d: %v, %t", i, alts, ok)
		}
		a, b := alts[0], alts[1]
		if a.Addr != addr+0x20 || a.Len != 5 || a.Feature != 7*32+19 || a.Not || a.From != replacements || string(a.Replacement) != "\x0f\xae\xe8" {
			t.Errorf("form %d: %+v", i, a)
		}
		if b.Feature != 3*32+21 || !b.Not {
			t.Errorf("form %d: %+v", i, b)
		}
		for j, other := range altForms {
			if _, ok := img.alternatives(rows.Bytes(), table, other); ok && j != i {
				t.Errorf("a table of form %d passes for form %d", i, j)
			}
		}
		img.alts = alts
		if got := img.Alternatives(Function{Addr: addr + 0x10, Code: mem[:0x20]}); len(got) != 2 {
			t.Errorf("form %d: %d in the function", i, len(got))
		}
		if got := img.Alternatives(Function{Addr: addr + 0x21, Code: mem[:0x20]}); len(got) != 0 {
			t.Errorf("form %d: %d in another function", i, len(got))
		}
	}
}
