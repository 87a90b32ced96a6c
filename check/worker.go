package check

import (
	"context"
	"slices"
)

// pending is how many states a worker comes upon before it looks which of them are known. Each look goes
// to memory that no cache has; side by side they wait together.
const pending = 64

const (
	guesses = 1 << 14 // of pieces, that a worker keeps
	recents = 1 << 12 // states, likewise
)

// worker walks on from states of the batch.
type worker struct {
	s     *search
	w     Walker
	index int

	frontier frontier
	wrote    []uint32 // where its records of the next depth begin, taken of them at a time
	from, to uint64   // states that it has taken and not gone on from

	ids     []uint32 // of a state that is to be gone on from
	loaded  []uint32 // the pieces of the state that it stands on
	mix     []uint64 // their shares in its hash
	hash    uint64
	differs []int // pieces that the state before had not
	load    func(int) []byte

	// States that it came upon: their hashes, their pieces, and what is broken in them.
	hashes  []uint64
	arrived []uint32
	broken  []*Broken
	touched uint32

	spare, spareEnd uint32 // records to write states into

	guesses []uint32 // numbers that pieces came to have
	recent  []uint64 // states that were looked up lately: entries of the table

	buf   []byte
	found *find
	news  bool

	_ apart
}

func newWorker(s *search, index int) *worker {
	n := s.sys.Pieces()
	w := &worker{s: s, w: s.sys.Walker(), index: index, ids: ownLines[uint32](n), loaded: ownLines[uint32](n), mix: ownLines[uint64](n), differs: ownLines[int](n)[:0],
		hashes: make([]uint64, 0, pending), arrived: make([]uint32, pending*n), broken: make([]*Broken, 0, pending), buf: ownLines[byte](0),
		guesses: make([]uint32, guesses), recent: make([]uint64, recents)}
	for i := range w.loaded {
		w.loaded[i] = ^uint32(0) // no number
	}
	w.load = func(i int) []byte { return s.seen.values.at(w.loaded[i]) }
	return w
}

// work goes on from states of the batch until there are none left, or no room for more.
func (w *worker) work(ctx context.Context) {
	generated, distinct := 0, 0
	for ctx.Err() == nil {
		if w.from == w.to && !w.take() {
			break
		}
		g, d, ok := w.goOn()
		generated, distinct = generated+g, distinct+d
		if !ok {
			break
		}
		if generated >= 1<<12 {
			w.count(&generated, &distinct)
		}
	}
	distinct += w.settle()
	w.count(&generated, &distinct)
}

func (w *worker) count(generated, distinct *int) {
	w.s.generated.Add(uint64(*generated))
	if w.s.disk == nil { // else it is known only when they are looked up there
		w.s.distinct.Add(uint64(*distinct))
	}
	*generated, *distinct = 0, 0
}

// goOn takes every action from each of the states that the worker has taken, as long as there is room for
// what they lead to.
func (w *worker) goOn() (generated, distinct int, ok bool) {
	for ; w.from < w.to; w.from++ {
		ids := w.at(w.from)
		if ids == nil {
			continue
		}
		w.stand(ids)
		n := w.w.Actions()
		if !w.hasRoom(n) {
			return generated, distinct, false
		}
		for a := range n {
			if b := w.w.Do(a); b != nil {
				w.tell(&find{broken: *b, state: slices.Clone(w.loaded), hash: w.hash, action: a})
			} else {
				distinct += w.arrive()
			}
			w.w.Undo()
		}
		generated += n
	}
	return generated, distinct, true
}

// at is the pieces of a state of the batch; nil where the record has none. It is good until the next call.
func (w *worker) at(i uint64) []uint32 {
	if w.s.window != nil {
		return w.s.window[int(i)*len(w.loaded):][:len(w.loaded)]
	}
	if !w.s.seen.states.used(uint32(i)) {
		return nil
	}
	w.s.seen.states.read(uint32(i), w.ids)
	return w.ids
}

func (w *worker) hasRoom(n int) bool {
	for most := w.s.mostWays.Load(); most < int64(n); most = w.s.mostWays.Load() {
		w.s.mostWays.CompareAndSwap(most, int64(n))
	}
	return uint64(w.s.seen.next.Load())+w.s.margin() <= w.s.limit
}

// stand loads the state that has these pieces.
func (w *worker) stand(ids []uint32) {
	w.differs = w.differs[:0]
	for i, id := range ids {
		if id == w.loaded[i] {
			continue
		}
		mix := mixed(w.s.seen.values.hash(id), i)
		w.hash ^= w.mix[i] ^ mix
		w.loaded[i], w.mix[i] = id, mix
		w.differs = append(w.differs, i)
	}
	w.w.Load(w.load, w.differs)
}

// arrive notes the state as it is now, and looks at it. It returns how many of those noted turned out to
// be new.
func (w *worker) arrive() int {
	k := len(w.hashes)
	ids := w.arrived[k*len(w.loaded):][:len(w.loaded)]
	h := w.pieces(ids)
	// What is one step away from here was often met one step ago, by the same two steps the other way round.
	if e := w.recent[h%recents]; e != 0 && (e^h)>>32 == 0 && w.s.seen.states.equal(uint32(e)-1, ids) {
		return 0
	}
	w.hashes = append(w.hashes, h)
	w.broken = append(w.broken, w.w.Check())
	if k+1 < pending {
		return 0
	}
	return w.settle()
}

// pieces writes down the numbers of the pieces of the state as it is now, and returns its hash.
func (w *worker) pieces(ids []uint32) uint64 {
	h := w.hash
	copy(ids, w.loaded)
	changed := w.w.Changed()
	were := uint32(0)
	for _, i := range changed {
		were = (were ^ w.loaded[i]) * 0x9e3779b1
	}
	for _, i := range changed {
		id, ph := w.piece(i, &w.guesses[(were^uint32(i))*0x85ebca6b/(1<<32/guesses)])
		ids[i] = id
		h ^= w.mix[i] ^ mixed(ph, i)
	}
	return h
}

// piece returns the number and the hash of a piece of the state as it is now. What was the outcome when the same pieces
// changed last is mostly the outcome again.
func (w *worker) piece(i int, guess *uint32) (uint32, uint64) {
	v := w.s.seen.values
	if id := *guess; id < v.count() && w.w.Is(i, v.at(id)) {
		return id, v.hash(id)
	}
	w.buf = w.w.Append(w.buf[:0], i)
	id, h := v.id(w.buf)
	*guess = id
	return id, h
}

// settle puts the states that were noted into the set, and returns how many of them are new.
func (w *worker) settle() (distinct int) {
	v, n := w.s.seen, len(w.loaded)
	for _, h := range w.hashes {
		w.touched += uint32(v.first(h))
	}
	for _, h := range w.hashes {
		if e := v.first(h); e != 0 && (e^h)>>32 == 0 {
			w.touched += uint32(v.states.low(uint32(e) - 1)[0])
		}
	}
	for k, h := range w.hashes {
		ids := w.arrived[k*n:][:n]
		if !w.insert(h, ids) {
			continue
		}
		distinct++
		if b := w.broken[k]; b != nil {
			w.tell(&find{broken: *b, state: slices.Clone(ids), hash: h, inIt: true})
		}
	}
	w.hashes, w.broken = w.hashes[:0], w.broken[:0]
	return distinct
}

func (w *worker) tell(f *find) { w.found = w.s.first(w.found, f) }

// insert adds a state to the set, and reports whether it is new.
func (w *worker) insert(h uint64, ids []uint32) bool {
	v := w.s.seen
	if w.spare == w.spareEnd {
		w.spare, w.spareEnd = v.take()
		w.wrote = append(w.wrote, w.spare)
	}
	v.states.write(w.spare, ids)
	id, fresh := v.look(h, ids, w.spare)
	w.recent[h%recents] = h>>32<<32 | uint64(id) + 1
	if !fresh {
		v.states.leave(w.spare)
		return false
	}
	w.news = true
	w.spare++
	return true
}
