package tape

import (
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// recycler is memory for a writer, which asks for the same sizes batch after batch: what one batch gave back the next one
// gets. Fresh memory is dear where the recorder runs beside what it records. Sizes are rounded up to powers of two.
//
// It is no more than one goroutine's.
type recycler struct {
	memory.Allocator
	free [bits.UintSize][][]byte // by the power of two
}

func (r *recycler) Allocate(size int) []byte {
	power := bits.Len(uint(max(size, 1) - 1))
	n := len(r.free[power])
	if n == 0 {
		return r.Allocator.Allocate(1 << power)[:size]
	}
	b := r.free[power][n-1]
	r.free[power] = r.free[power][:n-1]
	return b[:size]
}

func (r *recycler) Reallocate(size int, b []byte) []byte {
	if size <= cap(b) {
		return b[:size]
	}
	larger := r.Allocate(size)
	copy(larger, b)
	r.Free(b)
	return larger
}

// Free takes back what Allocate gave. Other sizes are somebody else's.
func (r *recycler) Free(b []byte) {
	if c := cap(b); c > 0 && c&(c-1) == 0 {
		power := bits.Len(uint(c - 1))
		r.free[power] = append(r.free[power], b[:0])
	}
}
