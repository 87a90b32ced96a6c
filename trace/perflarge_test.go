package trace

import (
	"bytes"
	"io"
	"runtime"
	"testing"

	"switchyard/trace/perfwrite"
)

// TestRoundsLargerThanMemory wants the order right, and little memory, where two rounds have 80 MB:
// as `perf record -m 8192` makes them.
func TestRoundsLargerThanMemory(t *testing.T) {
	load := perfwrite.Load{CPUs: 16, Switches: 1 << 20, PerRound: 20_000}
	for name, opts := range map[string]perfwrite.Options{
		"file":       {},
		"pipe":       {Pipe: true},
		"compressed": {Compress: true},
	} {
		t.Run(name, func(t *testing.T) {
			var src io.Reader = bytes.NewReader(synthetic(t, opts, load))
			if opts.Pipe {
				src = onlyReader{src}
			}
			before := heapInUse()
			r, err := NewReader(src)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			most := readInOrder(t, r, load.Switches)
			if grown := int64(most) - int64(before); grown > 48<<20 {
				t.Errorf("the reader held %d MiB", grown>>20)
			}
		})
	}
}

// readInOrder reads all switches and gives the most heap that was in use meanwhile.
func readInOrder(t *testing.T, r *Reader, want int) (most uint64) {
	t.Helper()
	var e Event
	var last uint64
	n := 0
	for ; r.Next(&e) == nil; n++ {
		if e.Time < last {
			t.Fatalf("event %d at %d follows one at %d", n, e.Time, last)
		}
		last = e.Time
		if n%(1<<17) == 0 {
			most = max(most, heapInUse())
		}
	}
	if n != want {
		t.Fatalf("got %d switches, wrote %d", n, want)
	}
	if r.Losses().String() != "" {
		t.Fatalf("losses: %s", r.Losses())
	}
	return most
}

func heapInUse() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapInuse
}
