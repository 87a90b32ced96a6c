package check

import "sync/atomic"

// frontier is what a worker goes on from before it helps others: the records that it wrote itself while the
// depth was come upon. They, and the states that look like what they lead to, are in the caches of its core.
type frontier struct {
	chunks []uint32 // where they begin; each has as many records as a worker takes at a time
	end    int      // of those that may be taken before memory is looked at again
	next   atomic.Int64

	_ apart
}

// take returns where a chunk begins that nobody has taken.
func (f *frontier) take() (uint64, bool) {
	if !f.open() {
		return 0, false
	}
	i := f.next.Add(1) - 1
	if i >= int64(f.end) {
		return 0, false
	}
	return uint64(f.chunks[i]), true
}

// left is what nobody has taken.
func (f *frontier) left() []uint32 { return f.chunks[min(int(f.next.Load()), f.end):] }

// begin makes chunks what there is to take.
func (f *frontier) begin(chunks []uint32) {
	f.chunks, f.end = chunks, 0
	f.next.Store(0)
}

// more lets n more chunks be taken, as far as there are any, and reports whether there are.
func (f *frontier) more(n int) bool {
	f.next.Store(min(f.next.Load(), int64(f.end)))
	f.end = min(int(f.next.Load())+n, len(f.chunks))
	return f.open()
}

// open reports whether anything may be taken.
func (f *frontier) open() bool { return f.next.Load() < int64(f.end) }

// openBatch lets the workers take from the frontier, and reports whether anything is left there.
func (s *search) openBatch() bool {
	any := false
	for _, w := range s.workers {
		any = w.frontier.more(batch/taken/len(s.workers)+1) || any
	}
	return any
}

// take gives the worker records to go on from: its own, and then what is left of others'.
func (w *worker) take() bool {
	n := len(w.s.workers)
	for i := range n {
		if from, ok := w.s.workers[(w.index+i)%n].frontier.take(); ok {
			w.from, w.to = from, min(from+taken, w.s.hi)
			w.s.frontier.Add(-int64(w.to - w.from))
			return true
		}
	}
	return false
}

// deal gives each worker some of the records of the window.
func (s *search) deal() {
	for _, w := range s.workers {
		chunks := w.frontier.chunks[:0]
		for from := uint64(w.index) * taken; from < s.hi; from += uint64(len(s.workers)) * taken {
			chunks = append(chunks, uint32(from))
		}
		w.frontier.begin(chunks)
	}
}
