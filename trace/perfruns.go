package trace

import "switchyard/trace/internal/merge"

// runBuilder joins records that follow each other, in the file and in time, to runs.
type runBuilder struct {
	queue *merge.Queue
	run   merge.Run
	lo    int // of the run in its chunk
	hi    int
	count int
	last  uint64 // time of the record added last, of this run or an earlier one
}

func (b *runBuilder) open() bool { return b.count > 0 }

// add takes a record, which lies at byte at of its chunk if that is not nil.
func (b *runBuilder) add(rec []byte, when uint64, offset int64, chunk *merge.Chunk, at int, still bool) {
	if b.count > 0 && (when < b.run.Last || chunk != b.run.Chunk || !b.adjoins(offset, at, still)) {
		b.close()
	}
	if b.count == 0 {
		b.run = merge.Run{First: when, Start: offset, Chunk: chunk, Still: still}
		b.lo, b.hi = at, at
		if chunk != nil {
			chunk.Hold()
		}
	}
	b.run.Last, b.last = when, when
	b.run.End = offset + int64(len(rec))
	b.hi = at + len(rec)
	b.count++
}

func (b *runBuilder) adjoins(offset int64, at int, still bool) bool {
	if still != b.run.Still {
		return false
	}
	if still {
		return offset == b.run.Start && at == b.hi
	}
	return offset == b.run.End && (b.run.Chunk == nil || at == b.hi)
}

// close hands the run over.
func (b *runBuilder) close() {
	if b.count == 0 {
		return
	}
	b.run.Lo, b.run.Hi = b.lo, b.hi
	b.queue.Add(b.run)
	b.count = 0
}
