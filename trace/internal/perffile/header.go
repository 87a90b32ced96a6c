// Package perffile knows the layout of perf.data, as files and as pipes.
//
// It turns bytes into headers, attributes, features and records. What the records mean
// is left to package trace.
package perffile

import (
	"encoding/binary"
	"fmt"
	"io"

	"switchyard/trace/internal/damage"
)

// FormatName is what messages call such a recording.
const FormatName = "perf.data"

// HeaderSize is the size of the header in file mode; in pipe mode it is PipeHeaderSize.
const (
	HeaderSize     = 104
	PipeHeaderSize = 16
)

var le = binary.LittleEndian

// Section is a range of the file.
type Section struct{ Offset, Size uint64 }

// End is the first byte behind the section; ok is false when that is no possible offset.
func (s Section) End() (end int64, ok bool) {
	sum := s.Offset + s.Size
	return int64(sum), sum >= s.Offset && sum < 1<<62
}

// Header is the fixed part at the beginning.
type Header struct {
	Pipe     bool
	AttrSize uint64
	Attrs    Section
	Data     Section
	Features [4]uint64 // bitmap
}

// Recognize tells by the first eight bytes whether this is a perf.data, and if so why it cannot be read.
func Recognize(magic []byte) (ours bool, complaint string) {
	switch {
	case len(magic) < 8:
		return false, ""
	case string(magic[:8]) == "PERFILE2":
		return true, ""
	case string(magic[:8]) == "2ELIFREP":
		return true, "it was recorded on a big-endian machine, which this reader does not support"
	case string(magic[:8]) == "PERFFILE", string(magic[:8]) == "ELIFFREP":
		return true, "it is version 1 of the format, written by perf before Linux 2.6.34, which this reader does not support"
	}
	return false, ""
}

// ParseHeader reads the header. b holds the beginning of the recording, HeaderSize bytes if there are so many.
func ParseHeader(b []byte) (*Header, error) {
	if len(b) < PipeHeaderSize {
		return nil, truncatedHeader(len(b))
	}
	switch size := le.Uint64(b[8:]); {
	case size == PipeHeaderSize:
		return &Header{Pipe: true}, nil
	case size != HeaderSize:
		return nil, &damage.Error{Format: FormatName, Offset: 8,
			What: fmt.Sprintf("header size %d is neither %d (file) nor %d (pipe)", size, HeaderSize, PipeHeaderSize)}
	case len(b) < HeaderSize:
		return nil, truncatedHeader(len(b))
	}
	h := &Header{
		AttrSize: le.Uint64(b[16:]),
		Attrs:    ParseSection(b[24:]),
		Data:     ParseSection(b[40:]),
	}
	for i := range h.Features {
		h.Features[i] = le.Uint64(b[72+8*i:])
	}
	return h, nil
}

func truncatedHeader(n int) error {
	return &damage.Error{Format: FormatName, Offset: int64(n), What: "the file ends inside its header"}
}

// File is a recording of known size that can be read anywhere.
type File interface {
	io.ReaderAt
	Size() int64
}

// ReadSection reads a section of the file, if it is not larger than limit. What could be read comes with the error.
func ReadSection(f File, s Section, limit uint64, what string) ([]byte, error) {
	broken := func(at int64, format string, args ...any) error {
		return &damage.Error{Format: FormatName, Offset: min(at, f.Size()), What: fmt.Sprintf(format, args...)}
	}
	end, ok := s.End()
	switch {
	case !ok || s.Size > limit:
		return nil, broken(int64(min(s.Offset, 1<<62)), "the %s section claims %d bytes, more than the %d this reader accepts", what, s.Size, limit)
	case int64(s.Offset) > f.Size():
		return nil, broken(f.Size(), "the file ends before its %s section, which belongs at byte %d", what, s.Offset)
	}
	b := make([]byte, min(end, f.Size())-int64(s.Offset))
	n, err := f.ReadAt(b, int64(s.Offset))
	if n == len(b) {
		err = nil
	}
	if err == nil && uint64(n) < s.Size {
		err = broken(f.Size(), "the file ends inside its %s section", what)
	}
	return b[:n], err
}

// ParseSection reads a section's place.
func ParseSection(b []byte) Section { return Section{le.Uint64(b), le.Uint64(b[8:])} }

// ParseWords reads an array of 64-bit values; a rest of fewer bytes is left.
func ParseWords(b []byte) []uint64 {
	list := make([]uint64, 0, len(b)/8)
	for ; len(b) >= 8; b = b[8:] {
		list = append(list, le.Uint64(b))
	}
	return list
}
