package check

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	batch   = 1 << 16 // states between two looks at memory and at the table
	grabbed = 32      // records that a worker takes at a time where all are gone through
	maySee  = 256     // ways on from one state that there is room for to begin with
)

type search struct {
	sys     System
	opt     Options
	seen    *visited
	workers []*worker
	begun   time.Time
	levels  []uint32 // where the states of each depth begin; as far as all were in memory
	disk    *disk    // nil while all states are in memory
	window  []uint32 // records of states from disk that are gone on from; nil while they are in memory
	news    bool     // the last depth had new states

	_        apart
	cursor   atomic.Uint64 // in what all workers go through
	_        apart
	hi       uint64       // its end
	limit    uint64       // records that there is room for
	mostWays atomic.Int64 // on from one state, as far as they were met

	frontier  atomic.Int64 // states of the depth that are not gone on from
	generated atomic.Uint64
	distinct  atomic.Uint64
	depth     atomic.Int64
	peak      atomic.Int64
	onDisk    atomic.Int64
}

// Search explores a system breadth first until it has seen every state, or found a state of some depth
// that breaks a rule and looked at all of that depth. The outcome does not depend on the number of workers.
func Search(ctx context.Context, sys System, opt Options) *Result {
	s := &search{sys: sys, opt: opt, seen: newVisited(sys.Pieces()), begun: time.Now()}
	s.mostWays.Store(maySee)
	if s.opt.Workers <= 0 {
		s.opt.Workers = runtime.GOMAXPROCS(0)
	}
	for i := range s.opt.Workers {
		s.workers = append(s.workers, newWorker(s, i))
	}
	stop := s.watch()
	r := s.run(ctx)
	if opt.Liveness && r.Found == nil {
		switch {
		case r.Stopped != "":
			r.Liveness = "not checked: not every state was seen"
		case s.disk != nil:
			r.Liveness = "not checked: states went to disk"
		default:
			begun := time.Now()
			r.Liveness, r.Found = s.live(ctx)
			r.Live = time.Since(begun)
		}
	}
	stop()
	r.Elapsed = time.Since(s.begun)
	r.Distinct, r.Generated = s.distinct.Load(), s.generated.Load()
	r.PeakBytes = max(s.peak.Load(), s.used())
	if s.disk != nil {
		s.disk.close()
		r.DiskBytes = s.disk.peak
	} else if r.Distinct > 0 {
		r.Bytes = float64(s.seen.bytes()) / float64(r.Distinct)
	}
	return r
}

func (s *search) run(ctx context.Context) *Result {
	r := &Result{}
	if f := s.begin(); f != nil {
		r.Found = &Trail{Begin: f.begin, Broken: f.broken, system: s.sys}
		return r
	}
	for d := 0; ; d++ {
		s.depth.Store(int64(d))
		r.Depth = d
		s.closeDepth()
		if r.Stopped = s.level(ctx, d); r.Stopped != "" {
			return r
		}
		found := (*find)(nil)
		for _, w := range s.workers {
			found = s.first(found, w.found)
			s.news = s.news || w.news && s.disk == nil
			w.found, w.news = nil, false
		}
		if found != nil {
			r.Found = s.trail(found, d)
			r.Depth = d + 1
			return r
		}
		if !s.news {
			return r
		}
		s.news = false
	}
}

// closeDepth notes that the states of a depth are complete.
func (s *search) closeDepth() {
	if s.disk != nil {
		s.disk.levels = append(s.disk.levels, s.disk.next)
		return
	}
	hi := s.seen.next.Load()
	s.levels = append(s.levels, hi)
	for _, w := range s.workers {
		w.spare, w.spareEnd = 0, 0 // what is left over would stand among the states of the next depth
		before := w.frontier.chunks
		w.frontier.begin(w.wrote)
		w.wrote = before[:0]
	}
}

// begin puts the states to begin with into the set.
func (s *search) begin() *find {
	w := s.workers[0]
	s.levels = []uint32{0}
	var found *find
	for i := 0; w.w.Begin(i); i++ {
		s.generated.Add(1)
		ids := make([]uint32, s.seen.pieces)
		for p := range ids {
			w.buf = w.w.Append(w.buf[:0], p)
			ids[p], _ = s.seen.values.id(w.buf)
		}
		if w.insert(s.seen.hash(ids), ids) {
			s.distinct.Add(1)
			if b := w.w.Check(); b != nil && found == nil {
				found = &find{broken: *b, inIt: true, begin: i}
			}
		}
	}
	w.news = false
	return found
}

// level goes on from the states of depth d, and says what stopped it, if anything did.
func (s *search) level(ctx context.Context, d int) string {
	if s.disk != nil {
		return s.fromDisk(ctx, d, s.disk.levels[d])
	}
	s.hi = uint64(s.levels[d+1])
	s.frontier.Store(int64(s.hi) - int64(s.levels[d]))
	if stopped := s.goOn(ctx, d); stopped != "" || s.disk == nil {
		return stopped
	}
	return s.fromDisk(ctx, d, s.disk.resume)
}

// goOn goes on from the frontier, as far as memory does not turn out to be full.
func (s *search) goOn(ctx context.Context, d int) string {
	before := s.disk
	for s.openBatch() {
		if stopped := s.batch(ctx, d); stopped != "" || s.disk != before {
			return stopped
		}
	}
	return ""
}

// batch goes on from what may be taken, or up to where memory was full and all went to disk.
func (s *search) batch(ctx context.Context, d int) string {
	for more := true; more; {
		before := s.disk
		if stopped := s.room(d); stopped != "" || s.disk != before {
			return stopped
		}
		s.all(func(w *worker) { w.work(ctx) })
		if ctx.Err() != nil {
			return "interrupted"
		}
		more = false
		for _, w := range s.workers {
			more = more || w.from < w.to || w.frontier.open()
		}
	}
	return ""
}

// all has every worker do something at the same time.
func (s *search) all(do func(*worker)) {
	if len(s.workers) == 1 {
		do(s.workers[0])
		return
	}
	var wg sync.WaitGroup
	for _, w := range s.workers {
		wg.Go(func() { do(w) })
	}
	wg.Wait()
}

// parts has each worker do its part of something.
func (s *search) parts(do func(part, parts int)) {
	s.all(func(w *worker) { do(w.index, len(s.workers)) })
}
