package tracepoint

import (
	"bytes"
	"encoding/binary"
)

// Int reads the field out of a record. A record too short for it gives false.
func (f *Field) Int(raw []byte) (int64, bool) {
	end := f.Offset + f.Size
	if end > len(raw) {
		return 0, false
	}
	b := raw[f.Offset:end]
	switch f.Size {
	case 4:
		v := binary.LittleEndian.Uint32(b)
		if f.Signed {
			return int64(int32(v)), true
		}
		return int64(v), true
	case 8:
		return int64(binary.LittleEndian.Uint64(b)), true
	case 2:
		v := binary.LittleEndian.Uint16(b)
		if f.Signed {
			return int64(int16(v)), true
		}
		return int64(v), true
	case 1:
		if f.Signed {
			return int64(int8(b[0])), true
		}
		return int64(b[0]), true
	}
	return 0, false
}

// Bytes reads a string field, in place or behind a __data_loc, up to its NUL.
// The result points into the record.
func (f *Field) Bytes(raw []byte) ([]byte, bool) {
	lo, hi := f.Offset, f.Offset+f.Size
	if f.DataLoc || f.RelLoc {
		loc, ok := f.Int(raw)
		if !ok {
			return nil, false
		}
		lo, hi = int(loc&0xffff), int(loc&0xffff)+int(uint32(loc)>>16)
		if f.RelLoc {
			lo, hi = lo+f.Offset+f.Size, hi+f.Offset+f.Size
		}
	}
	if hi > len(raw) {
		return nil, false
	}
	b := raw[lo:hi]
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return b, true
}
