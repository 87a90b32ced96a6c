package merge

import (
	"encoding/binary"
	"fmt"
	"io"
)

// cursor is the place reached in a run.
type cursor struct {
	time   uint64
	seq    uint64 // which run was found first: decides between equal times
	offset int64
	end    int64
	buf    []byte // from the current record on
	store  []byte // the memory behind buf, if it is ours
	chunk  *Chunk
	lo, hi int // of the run in chunk
	still  bool
	open   bool // buf is filled; before, only the time is known
	poor   bool // no memory was left for it: each record is read when wanted
}

const (
	headerSize = 8
	largest    = 1<<16 - 1
)

// size of the record at the start of b, which must hold its header. The stretch has been
// checked when the run was found; a file that changed meanwhile gives 0.
func size(b []byte) int {
	if len(b) < headerSize {
		return 0
	}
	n := int(binary.LittleEndian.Uint16(b[6:]))
	if n < headerSize || n > len(b) {
		return 0
	}
	return n
}

// load makes the current record whole in buf.
func (c *cursor) load(at io.ReaderAt, scratch []byte) error {
	if c.chunk != nil || size(c.buf) > 0 && !c.poor { // the scratch may hold another's record by now
		return nil
	}
	store := c.store
	if c.poor {
		store = scratch
	}
	n := int(min(int64(len(store)), c.end-c.offset))
	got, err := at.ReadAt(store[:n], c.offset)
	c.buf = store[:got]
	if size(c.buf) > 0 {
		return nil
	}
	if err == nil || err == io.EOF {
		err = fmt.Errorf("the file changed while it was read: byte %d no longer begins a record", c.offset)
	}
	return err
}

// step passes over the current record and says whether another follows.
func (c *cursor) step() bool {
	n := size(c.buf)
	if !c.still {
		c.offset += int64(n)
	}
	c.buf = c.buf[n:]
	if c.chunk != nil {
		return len(c.buf) > 0
	}
	if c.poor {
		c.buf = nil
	}
	return c.offset < c.end
}
