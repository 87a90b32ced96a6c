package tape

import (
	"fmt"

	"github.com/apache/arrow-go/v18/arrow/memory"
)

// maxBatchMemory bounds what one damaged length can make a reader ask for. A batch of 65,536 rows needs 12 MB.
const maxBatchMemory = 1 << 30

// limited refuses what no batch of a recording needs. Its panics end as errors in refuse.
type limited struct {
	memory.GoAllocator
	left int
}

func (l *limited) Allocate(n int) []byte {
	l.check(n)
	return l.GoAllocator.Allocate(n)
}

func (l *limited) Reallocate(n int, b []byte) []byte {
	l.check(n)
	return l.GoAllocator.Reallocate(n, b)
}

func (l *limited) check(n int) {
	if n < 0 || n > l.left {
		panic(fmt.Sprintf("a batch asks for %d bytes", n))
	}
}
