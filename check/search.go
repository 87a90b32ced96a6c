package check

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Options bound a search.
type Options struct {
	Workers int   // 0 means as many as there are cores
	Memory  int64 // bytes for states; 0 means no bound
	// Liveness asks, once all states were seen, whether what is begun ends. It needs an Obliged system.
	Liveness bool
	// Progress is called every now and then, from a goroutine of its own.
	Progress func(Progress)
	Every    time.Duration // how often; 0 means once a second
}

// Progress is how far a search has come.
type Progress struct {
	Distinct  uint64
	Generated uint64
	Depth     int
	Frontier  uint64 // states of this depth that have yet to be gone on from
	Elapsed   time.Duration
	Bytes     int64
	Memory    int64 // the bound; 0 for none
}

// Result is what a search found out.
type Result struct {
	Distinct  uint64 // different states reached
	Generated uint64 // states come upon, those known already among them
	Depth     int    // length of the longest of the shortest ways to a state
	Elapsed   time.Duration
	Live      time.Duration // of it, for liveness
	PeakBytes int64
	Bytes     float64 // memory for a state, on average

	// Stopped says why the search ended before all was seen; empty where it did not.
	Stopped string
	// Found is the shortest way to break a rule, nil where none was found.
	Found *Trail
	// Liveness says what was found out about what has to happen; empty where nobody asked.
	Liveness string
}

// Rate is generated states a second, while the search was looking for them.
func (r *Result) Rate() float64 {
	if r.Elapsed <= r.Live {
		return 0
	}
	return float64(r.Generated) / (r.Elapsed - r.Live).Seconds()
}

// Trail is a way through a system: from a state to begin with, one action after another.
type Trail struct {
	Begin   int   // which of the states to begin with
	Actions []int // each counted in the state where it is taken
	Broken  Broken
	system  System
	Loops   int        // how many of the last actions repeat for ever
	states  [][][]byte // the pieces of the states on the way, the first one included
}

// Len is the number of actions.
func (t *Trail) Len() int { return len(t.Actions) }

const (
	batch   = 1 << 16 // states between two looks at memory and at the table
	grabbed = 32      // states that a worker takes at a time
	maySee  = 256     // ways on from one state that there is room for to begin with
)

type search struct {
	sys     System
	opt     Options
	seen    *visited
	workers []*worker
	begun   time.Time
	levels  []uint32 // where the states of each depth begin

	cursor   atomic.Uint64 // in the batch that is worked on
	hi       uint64        // its end
	limit    uint64        // records that there is room for
	mostWays atomic.Int64  // on from one state, as far as they were met

	levelEnd  atomic.Uint32
	generated atomic.Uint64
	distinct  atomic.Uint64
	depth     atomic.Int64
	peak      atomic.Int64
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
		if r.Liveness = "not checked: not every state was seen"; r.Stopped == "" {
			begun := time.Now()
			r.Liveness, r.Found = s.live(ctx)
			r.Live = time.Since(begun)
		}
	}
	stop()
	r.Elapsed = time.Since(s.begun)
	r.Distinct, r.Generated = s.distinct.Load(), s.generated.Load()
	r.PeakBytes = max(s.peak.Load(), s.seen.bytes())
	if r.Distinct > 0 {
		r.Bytes = float64(s.seen.bytes()) / float64(r.Distinct)
	}
	return r
}

func (s *search) watch() (stop func()) {
	if s.opt.Progress == nil {
		return func() {}
	}
	every := s.opt.Every
	if every == 0 {
		every = time.Second
	}
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		t := time.NewTicker(every)
		defer t.Stop()
		for {
			select {
			case <-done:
				return
			case <-t.C:
				s.opt.Progress(s.progress())
			}
		}
	})
	return func() { close(done); wg.Wait() }
}

func (s *search) progress() Progress {
	p := Progress{Distinct: s.distinct.Load(), Generated: s.generated.Load(), Depth: int(s.depth.Load()),
		Elapsed: time.Since(s.begun), Bytes: s.peak.Load(), Memory: s.opt.Memory}
	if end, at := uint64(s.levelEnd.Load()), s.cursor.Load(); end > at {
		p.Frontier = end - at
	}
	return p
}

func (s *search) run(ctx context.Context) *Result {
	r := &Result{}
	if f := s.begin(); f != nil {
		r.Found = &Trail{Begin: f.begin, Broken: f.broken, system: s.sys}
		return r
	}
	for {
		d := len(s.levels) - 1
		s.depth.Store(int64(d))
		r.Depth = d
		lo, hi := s.levels[d], s.seen.next.Load()
		s.levels = append(s.levels, hi)
		s.levelEnd.Store(hi)
		for _, w := range s.workers {
			w.spare, w.spareEnd = 0, 0 // what is left over would stand among the states of the next depth
		}
		if r.Stopped = s.level(ctx, uint64(lo), uint64(hi)); r.Stopped != "" {
			return r
		}
		found, news := (*find)(nil), false
		for _, w := range s.workers {
			found = s.first(found, w.found)
			news = news || w.news
			w.found, w.news = nil, false
		}
		if found != nil {
			r.Found = s.trail(found, d)
			r.Depth = d + 1
			return r
		}
		if !news {
			return r
		}
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

// level goes on from the states lo to hi, and says what stopped it, if anything did.
func (s *search) level(ctx context.Context, lo, hi uint64) string {
	for lo < hi {
		s.cursor.Store(lo)
		s.hi = min(hi, lo+batch)
		for more := true; more; {
			if stopped := s.room(); stopped != "" {
				return stopped
			}
			s.all(func(w *worker) { w.work(ctx) })
			if ctx.Err() != nil {
				return "interrupted"
			}
			more = s.cursor.Load() < s.hi
			for _, w := range s.workers {
				more = more || w.from < w.to
			}
		}
		lo = s.hi
	}
	return ""
}

// room sees to it that each worker can go on from a state, as far as memory allows.
func (s *search) room() (stopped string) {
	v := s.seen
	for {
		bytes := v.bytes()
		s.peak.Store(max(s.peak.Load(), bytes))
		table := uint64(full(len(v.table)))
		s.limit = min(table, maxStates)
		if s.opt.Memory > 0 {
			s.limit = min(s.limit, uint64(v.next.Load())+uint64(max(0, s.opt.Memory-bytes)/v.record()))
		}
		if uint64(v.next.Load())+s.margin() <= s.limit {
			return ""
		}
		if s.limit == maxStates {
			return "there are more states than can be numbered"
		}
		if need := bytes + 2*8*int64(len(v.table)); s.opt.Memory > 0 && need > s.opt.Memory {
			return fmt.Sprintf("the next states would need %d MiB, and %d MiB are allowed", need>>20, s.opt.Memory>>20)
		}
		v.grow(s.parts)
	}
}

// margin is how many records may be taken before a worker next looks whether there are any.
func (s *search) margin() uint64 {
	return uint64(len(s.workers)) * uint64(s.mostWays.Load()+pending+2*taken)
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

// find is a rule that was broken: on an action from a state, or in a state.
type find struct {
	broken Broken
	state  []uint32 // its pieces
	hash   uint64
	inIt   bool // the state itself breaks the rule, whatever led to it
	action int
	begin  int
}

// first tells which of two finds is told: one on an action before one in a state, that of the smaller
// state, that by the smaller action.
func (s *search) first(a, b *find) *find {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	case a.inIt != b.inIt:
		if a.inIt {
			return b
		}
		return a
	}
	switch c := s.compare(a, b); {
	case c < 0:
		return a
	case c > 0:
		return b
	case a.action != b.action:
		if b.action < a.action {
			return b
		}
		return a
	case b.broken.before(&a.broken):
		return b
	}
	return a
}

// compare orders states by hash and, where that does not tell, by their pieces.
func (s *search) compare(a, b *find) int {
	if a.hash != b.hash {
		return cmp.Compare(a.hash, b.hash)
	}
	for i := range a.state {
		if c := slices.Compare(s.seen.values.at(a.state[i]), s.seen.values.at(b.state[i])); c != 0 {
			return c
		}
	}
	return 0
}
