// Package merge brings records that were written per CPU into the order of time.
//
// It relies on what recorders do: each CPU's buffer is written out in long stretches that are
// in order within themselves. Such a stretch is a Run; a heap of runs gives all records in order,
// and memory is needed for the place reached in each run only.
package merge

import (
	"fmt"

	"github.com/klauspost/compress/s2"
)

// ChunkSize is how much is read at once. It must hold the largest record (64 KiB).
const ChunkSize = 256 << 10

// Chunk is a piece of a stream that cannot be read twice.
type Chunk struct {
	Data    []byte // nil while packed
	packed  []byte
	holders int
	readers int // cursors that are reading Data
}

// Pool hands out chunks and knows how much memory they take.
type Pool struct {
	free    [][]byte
	out     int // buffers in chunks
	packed  int // bytes in packed chunks
	scratch []byte
	boxes   [][][]byte // unused memory for packed chunks, by size in boxUnits
}

const (
	// spareBuffers is how many unused buffers are kept for the next round.
	spareBuffers = 32
	// packAbove is where chunks begin to be packed. Below, packing would only cost time; above, it makes
	// the difference between an order that is right and one that is not, because the rounds of
	// `perf record -z -m 8192` are larger than what we may hold.
	packAbove = 8 << 20
)

// Get gives a chunk that the caller holds.
func (p *Pool) Get() *Chunk { return &Chunk{Data: p.buffer(), holders: 1} }

func (p *Pool) buffer() []byte {
	p.out++
	if n := len(p.free); n > 0 {
		b := p.free[n-1]
		p.free = p.free[:n-1]
		return b
	}
	return make([]byte, ChunkSize)
}

func (p *Pool) recycle(b []byte) {
	p.out--
	if len(p.free) < spareBuffers {
		p.free = append(p.free, b)
	}
}

// Hold adds a holder.
func (c *Chunk) Hold() { c.holders++ }

// Release takes a holder away. The last one's chunk is used again.
func (p *Pool) Release(c *Chunk) {
	if c.holders--; c.holders > 0 {
		return
	}
	p.unbox(c.packed)
	if c.Data != nil {
		p.recycle(c.Data)
	}
	c.Data, c.packed = nil, nil
}

// Rest tells that the chunk will not be written again and not be read soon, so that it may be packed.
func (p *Pool) Rest(c *Chunk) {
	if c.holders < 2 || c.readers > 0 || p.Held() < packAbove {
		return
	}
	if p.scratch == nil {
		p.scratch = make([]byte, s2.MaxEncodedLen(ChunkSize))
	}
	c.packed = p.box(s2.Encode(p.scratch, c.Data))
	p.recycle(c.Data)
	c.Data = nil
}

// boxUnit rounds the sizes of packed chunks, so that their memory can be used again: left to the
// garbage collector, it would double what is held.
const boxUnit = 4 << 10

func (p *Pool) box(b []byte) []byte {
	class := (len(b) + boxUnit - 1) / boxUnit
	for len(p.boxes) <= class {
		p.boxes = append(p.boxes, nil)
	}
	p.packed += class * boxUnit
	var box []byte
	if n := len(p.boxes[class]); n > 0 {
		box, p.boxes[class] = p.boxes[class][n-1], p.boxes[class][:n-1]
	} else {
		box = make([]byte, class*boxUnit)
	}
	return box[:copy(box, b)]
}

func (p *Pool) unbox(b []byte) {
	if b == nil {
		return
	}
	class := cap(b) / boxUnit
	p.packed -= cap(b)
	p.boxes[class] = append(p.boxes[class], b[:cap(b)])
}

// read makes sure that Data is there, and keeps it there until done.
func (p *Pool) read(c *Chunk) error {
	if c.Data == nil {
		b, err := s2.Decode(p.buffer(), c.packed)
		if err != nil {
			return fmt.Errorf("pending records could not be unpacked: %w", err)
		}
		p.unbox(c.packed)
		c.Data, c.packed = b, nil
	}
	c.readers++
	return nil
}

func (p *Pool) done(c *Chunk) {
	c.readers--
	p.Release(c)
}

// Held is the memory in chunks that somebody holds.
func (p *Pool) Held() int { return p.out*ChunkSize + p.packed }
