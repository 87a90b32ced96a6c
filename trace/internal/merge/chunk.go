// Package merge brings records that were written per CPU into the order of time.
//
// It relies on what recorders do: each CPU's buffer is written out in long stretches that are
// in order within themselves. Such a stretch is a Run; a heap of runs gives all records in order,
// and memory is needed for the place reached in each run only.
package merge

// ChunkSize is how much is read at once. It must hold the largest record (64 KiB).
const ChunkSize = 256 << 10

// Chunk is a piece of a stream that cannot be read twice; it is reused when nobody holds it.
type Chunk struct {
	Data    []byte
	holders int
}

// Pool hands out chunks and knows how much memory they take.
type Pool struct {
	free []*Chunk
	out  int
}

// spareChunks is how many unused chunks are kept for the next round.
const spareChunks = 32

// Get gives a chunk that the caller holds.
func (p *Pool) Get() *Chunk {
	p.out++
	if n := len(p.free); n > 0 {
		c := p.free[n-1]
		p.free = p.free[:n-1]
		c.holders = 1
		return c
	}
	return &Chunk{Data: make([]byte, ChunkSize), holders: 1}
}

// Hold adds a holder.
func (c *Chunk) Hold() { c.holders++ }

// Release takes a holder away.
func (p *Pool) Release(c *Chunk) {
	if c.holders--; c.holders > 0 {
		return
	}
	p.out--
	if len(p.free) < spareChunks {
		p.free = append(p.free, c)
	}
}

// Held is the memory in chunks that somebody holds.
func (p *Pool) Held() int { return p.out * ChunkSize }
