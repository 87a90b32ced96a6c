package check

import (
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
	PeakBytes int64
	Bytes     float64 // memory for a state, on average

	// Stopped says why the search ended before all was seen; empty where it did not.
	Stopped string
	// Found is the shortest way to break a rule, nil where none was found.
	Found *Trail
}

// Rate is generated states a second.
func (r *Result) Rate() float64 {
	if r.Elapsed <= 0 {
		return 0
	}
	return float64(r.Generated) / r.Elapsed.Seconds()
}

// Trail is a way through a system: from a state to begin with, one action after another.
type Trail struct {
	Begin   int   // which of the states to begin with
	Actions []int // each counted in the state where it is taken
	Broken  Broken
	system  System
	states  [][][]byte // the pieces of the states on the way, the first one included
}

// Len is the number of actions.
func (t *Trail) Len() int { return len(t.Actions) }

const (
	batch     = 1 << 13 // states between two looks at memory and at the table
	grabbed   = 32      // states that a worker takes at a time
	roomAfter = 64      // successors of a state that the table makes room for beforehand
)

type search struct {
	sys     System
	opt     Options
	seen    *visited
	workers []*worker
	begun   time.Time
	levels  []uint32 // where the states of each depth begin

	cursor    atomic.Uint64 // in the batch that is worked on
	lo, hi    uint32
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
	if s.opt.Workers <= 0 {
		s.opt.Workers = runtime.GOMAXPROCS(0)
	}
	for range s.opt.Workers {
		s.workers = append(s.workers, newWorker(s))
	}
	stop := s.watch()
	r := s.run(ctx)
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
			w.takeSpare()
		}
		if r.Stopped = s.level(ctx, lo, hi); r.Stopped != "" {
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
	w.takeSpare()
	var found *find
	for i := 0; w.w.Begin(i); i++ {
		s.generated.Add(1)
		for p := range w.next {
			w.buf = w.w.Append(w.buf[:0], p)
			w.next[p], _ = s.seen.values.id(w.buf)
		}
		if _, fresh := w.insert(s.seen.hash(w.next)); fresh {
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
func (s *search) level(ctx context.Context, lo, hi uint32) string {
	for lo < hi {
		to := min(hi, lo+batch)
		room := int(to-lo) * roomAfter
		if need := s.seen.bytesFor(room); s.opt.Memory > 0 && need > s.opt.Memory {
			return fmt.Sprintf("the next states would need %d MiB, and %d MiB are allowed", need>>20, s.opt.Memory>>20)
		} else if need > s.peak.Load() {
			s.peak.Store(max(s.peak.Load(), s.seen.bytes()))
		}
		if uint64(s.seen.next.Load())+uint64(room) > maxStates {
			return "there are more states than can be numbered"
		}
		s.seen.reserve(room)
		s.lo, s.hi = lo, to
		s.cursor.Store(uint64(lo))
		s.all(func(w *worker) { w.work(ctx) })
		if ctx.Err() != nil {
			return "interrupted"
		}
		lo = to
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

// find is a rule that was broken: on an action from a state, or in a state.
type find struct {
	broken Broken
	state  uint32
	hash   uint64 // of state
	inIt   bool   // the state itself breaks the rule, whatever led to it
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
	case a.state != b.state:
		if s.smaller(b.hash, b.state, a.hash, a.state) {
			return b
		}
		return a
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

// smaller orders states by hash and, where that does not tell, by their pieces.
func (s *search) smaller(ha uint64, a uint32, hb uint64, b uint32) bool {
	if ha != hb {
		return ha < hb
	}
	for i := range s.seen.pieces {
		if c := slices.Compare(s.seen.piece(a, i), s.seen.piece(b, i)); c != 0 {
			return c < 0
		}
	}
	return false
}

// worker walks on from states of the batch.
type worker struct {
	s     *search
	w     Walker
	from  uint32   // the state that is loaded
	ids   []uint32 // its pieces
	mix   []uint64 // their shares in its hash
	hash  uint64
	next  []uint32
	buf   []byte
	spare uint32 // a record to write the next state into
	found *find
	news  bool
	load  func(int) []byte
}

func newWorker(s *search) *worker {
	n := s.sys.Pieces()
	w := &worker{s: s, w: s.sys.Walker(), mix: make([]uint64, n), next: make([]uint32, n)}
	w.load = func(i int) []byte { return s.seen.values.at(w.ids[i]).data }
	return w
}

// takeSpare begins a depth: a record that was left over from the last one would stand among its states.
func (w *worker) takeSpare() {
	w.spare = w.s.seen.fresh()
	w.s.seen.pieceIDs(w.spare)[0] = unusedRecord
}

func (w *worker) work(ctx context.Context) {
	for ctx.Err() == nil {
		from := uint32(w.s.cursor.Add(grabbed) - grabbed)
		if from >= w.s.hi {
			return
		}
		generated, distinct := 0, 0
		for id := from; id < min(from+grabbed, w.s.hi); id++ {
			if w.stand(id) {
				g, d := w.goOn()
				generated, distinct = generated+g, distinct+d
			}
		}
		w.s.generated.Add(uint64(generated))
		w.s.distinct.Add(uint64(distinct))
	}
}

// stand loads a state, unless its record is unused.
func (w *worker) stand(id uint32) bool {
	v := w.s.seen
	w.from, w.ids = id, v.pieceIDs(id)
	if w.ids[0] == unusedRecord {
		return false
	}
	w.hash = 0
	for i, p := range w.ids {
		w.mix[i] = mixed(v.values.at(p).hash, i)
		w.hash ^= w.mix[i]
	}
	w.w.Load(w.load)
	return true
}

// goOn takes every action from the loaded state.
func (w *worker) goOn() (generated, distinct int) {
	n := w.w.Actions()
	for a := range n {
		if b := w.w.Do(a); b != nil {
			w.tell(&find{broken: *b, state: w.from, hash: w.hash, action: a})
		} else if w.arrive() {
			distinct++
		}
		w.w.Undo()
	}
	return n, distinct
}

// arrive puts the state as it is now into the set, and looks at it if it is new.
func (w *worker) arrive() bool {
	h := w.pieces()
	id, fresh := w.insert(h)
	if !fresh {
		return false
	}
	if b := w.w.Check(); b != nil {
		w.tell(&find{broken: *b, state: id, hash: h, inIt: true})
	}
	return true
}

func (w *worker) tell(f *find) { w.found = w.s.first(w.found, f) }

// pieces leaves the numbers of the pieces of the state as it is now in next, and returns its hash.
func (w *worker) pieces() uint64 {
	h := w.hash
	copy(w.next, w.ids)
	for i := range w.next {
		if !w.w.Changed(i) {
			continue
		}
		w.buf = w.w.Append(w.buf[:0], i)
		id, ph := w.s.seen.values.id(w.buf)
		w.next[i] = id
		h ^= w.mix[i] ^ mixed(ph, i)
	}
	return h
}

// insert adds the state in next to the set.
func (w *worker) insert(h uint64) (uint32, bool) {
	v := w.s.seen
	rec := v.pieceIDs(w.spare)
	copy(rec, w.next)
	id, fresh := v.look(h, w.next, w.spare)
	if !fresh {
		rec[0] = unusedRecord
		return id, false
	}
	w.news = true
	w.takeSpare()
	return id, true
}
