package x64

import (
	"encoding/binary"

	"switchyard/machine/mem"
)

// nopByte is the one-byte nop.
const nopByte = 0x90

// Patch returns code, which begins at addr, with a replacement in the place of n bytes at an address, and
// nops behind it, as the kernel patches an alternative in. The replacement was linked at from: what it has
// of addresses relative to itself is corrected, unless it leads back into it.
func Patch(code []byte, addr, at uint64, n int, replacement []byte, from uint64) ([]byte, error) {
	off := at - addr
	if off > uint64(len(code)) || uint64(n) > uint64(len(code))-off || len(replacement) > n {
		return nil, &mem.Fault{PC: from, Addr: at, Write: true}
	}
	out := append([]byte(nil), code...)
	hole := out[off : off+uint64(n)]
	for i := copy(hole, replacement); i < n; i++ {
		hole[i] = nopByte
	}
	for i := 0; i < len(replacement); {
		in, err := decode(replacement[i:], from+uint64(i))
		if err != nil {
			return nil, err
		}
		if in.PCRel == 4 {
			field := hole[i+in.PCRelOff : i+in.PCRelOff+4]
			rel := binary.LittleEndian.Uint32(field)
			to := uint64(i+in.Len) + uint64(int64(int32(rel)))
			if to >= uint64(len(replacement)) {
				binary.LittleEndian.PutUint32(field, rel+uint32(from-at))
			}
		}
		i += in.Len
	}
	return out, nil
}
