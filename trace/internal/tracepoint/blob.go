package tracepoint

import (
	"bytes"
	"encoding/binary"
	"fmt"
)

// Blob is what perf and trace-cmd store of the kernel's tracing directory.
type Blob struct {
	Version  string
	LongSize int
	PageSize uint32
	Formats  []*Format
	Skipped  []error // formats that made no sense
}

// magic starts the blob, and a trace.dat file as well.
var magic = []byte("\x17\x08\x44tracing")

// IsBlob says whether b begins like tracing data.
func IsBlob(b []byte) bool { return bytes.HasPrefix(b, magic) }

// ParseBlob reads the tracing data of a recording. What was read before an error is returned with it.
func ParseBlob(b []byte) (*Blob, error) {
	if !IsBlob(b) {
		return &Blob{}, fmt.Errorf("tracing data does not begin with its magic bytes")
	}
	c := &blobCursor{data: b, pos: len(magic)}
	blob := &Blob{Version: c.text()}
	if order := c.take(1); order[0] != 0 {
		return blob, fmt.Errorf("tracing data was recorded on a big-endian machine, which this reader does not support")
	}
	blob.LongSize = int(c.take(1)[0])
	blob.PageSize = c.u32()
	c.section("header_page")
	c.section("header_event")
	blob.readSystem(c, "ftrace")
	for n := c.u32(); n > 0 && c.err == nil; n-- {
		blob.readSystem(c, c.text())
	}
	return blob, c.err
}

// readSystem reads the formats of one system: a count, then length and text of each.
func (b *Blob) readSystem(c *blobCursor, system string) {
	for n := c.u32(); n > 0 && c.err == nil; n-- {
		text := c.take(c.u64())
		if c.err != nil {
			return
		}
		f, err := Parse(system, string(text))
		if err != nil {
			b.Skipped = append(b.Skipped, err)
			continue
		}
		b.Formats = append(b.Formats, f)
	}
}

// blobCursor reads the blob front to back; after the first error it gives zeros.
type blobCursor struct {
	data []byte
	pos  int
	err  error
}

var zeros [8]byte

func (c *blobCursor) take(n uint64) []byte {
	if c.err == nil && n > uint64(len(c.data)-c.pos) {
		c.err = fmt.Errorf("tracing data ends at byte %d of itself where %d bytes more were announced", len(c.data), n)
	}
	if c.err != nil {
		return zeros[:min(n, 8)]
	}
	b := c.data[c.pos : c.pos+int(n)]
	c.pos += int(n)
	return b
}

func (c *blobCursor) u32() uint32 { return binary.LittleEndian.Uint32(c.take(4)) }
func (c *blobCursor) u64() uint64 { return binary.LittleEndian.Uint64(c.take(8)) }

func (c *blobCursor) text() string {
	n := bytes.IndexByte(c.data[c.pos:], 0)
	if n < 0 {
		c.err = fmt.Errorf("tracing data has an unterminated name at byte %d of itself", c.pos)
		return ""
	}
	s := string(c.take(uint64(n)))
	c.take(1)
	return s
}

// section skips a named block whose contents nobody here needs.
func (c *blobCursor) section(name string) {
	if got := c.text(); c.err == nil && got != name {
		c.err = fmt.Errorf("tracing data has %q where %q belongs", got, name)
	}
	c.take(c.u64())
}
