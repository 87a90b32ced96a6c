package tape

import (
	"io"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// counting counts what is asked for.
type counting struct {
	memory.Allocator
	asked int
}

func (c *counting) Allocate(size int) []byte {
	c.asked++
	return c.Allocator.Allocate(size)
}

// Whatever is lent, grown and given back: memory that two have at once would be written by one and spoil the other's.
func TestRecycledMemoryIsLentOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := &recycler{Allocator: memory.DefaultAllocator}
		var lent [][]byte
		fill := func(b []byte, from, mark int) {
			for i := from; i < len(b); i++ {
				b[i] = byte(mark)
			}
		}
		for mark := range rapid.IntRange(1, 60).Draw(t, "steps") {
			size := rapid.IntRange(0, 300).Draw(t, "size")
			if len(lent) == 0 || rapid.Bool().Draw(t, "lend") {
				lent = append(lent, r.Allocate(size))
				fill(lent[len(lent)-1], 0, mark)
				continue
			}
			i := rapid.IntRange(0, len(lent)-1).Draw(t, "which")
			for _, b := range lent[i] {
				if b != lent[i][0] {
					t.Fatal("two had the same memory")
				}
			}
			if size < len(lent[i]) {
				r.Free(lent[i])
				lent = append(lent[:i], lent[i+1:]...)
				continue
			}
			was := append([]byte(nil), lent[i]...)
			lent[i] = r.Reallocate(size, lent[i])
			if len(lent[i]) != size || string(lent[i][:len(was)]) != string(was) {
				t.Fatalf("%d bytes grew to %d of %d", len(was), len(lent[i]), size)
			}
			fill(lent[i], 0, mark)
		}
	})
}

// A batch must make do with what the one before it gave back.
func TestALaterBatchTakesNoFreshMemory(t *testing.T) {
	c := &counting{Allocator: memory.DefaultAllocator}
	w := newWriter(io.Discard, someMeta(), &recycler{Allocator: c})
	events := someEvents(BatchRows)
	batch := func() int {
		before := c.asked
		for i := range events {
			if err := w.Write(&events[i]); err != nil {
				t.Fatal(err)
			}
		}
		return c.asked - before
	}
	if first := batch(); first == 0 {
		t.Fatal("the first batch asked for nothing")
	}
	if later := batch(); later != 0 {
		t.Errorf("the second batch asked %d times for fresh memory", later)
	}
}
