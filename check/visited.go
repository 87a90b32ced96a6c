package check

import (
	"math/bits"
	"sync/atomic"
)

// visited is every state that was reached, whole: a record has the numbers of its pieces. States are
// numbered as they come, so that the states of one depth stand one after another. How a state was reached
// is not kept: the way to the one that matters is found again afterwards.
type visited struct {
	pieces int
	values *interned
	states records

	// An entry is the high half of a state's hash and its number plus one. The same half says where it is
	// looked for first, so that a larger table is made of a smaller one without a look at any state.
	table []atomic.Uint64
	shift uint

	_    apart
	next atomic.Uint32 // number of the next record that nobody has
	_    apart
}

const (
	taken        = 1 << 6 // records that a worker takes at a time
	tableAtBegin = 1 << 16
	maxStates    = 1<<32 - 1<<20
)

func newVisited(pieces int) *visited {
	return &visited{pieces: pieces, values: newInterned(), states: records{pieces: pieces}, table: make([]atomic.Uint64, tableAtBegin), shift: shiftFor(tableAtBegin)}
}

// shiftFor is by how much a hash is shifted to index a table.
func shiftFor(size int) uint { return uint(64 - bits.TrailingZeros(uint(size))) }

// pieceIDs returns the numbers of the pieces of a state.
func (v *visited) pieceIDs(id uint32) []uint32 {
	ids := make([]uint32, v.pieces)
	v.states.read(id, ids)
	return ids
}

// take gives a worker records to fill, all of them unused as yet.
func (v *visited) take() (from, to uint32) {
	from = v.next.Add(taken) - taken
	v.states.reach(from)
	for id := from; id < from+taken; id++ {
		v.states.leave(id)
	}
	return from, from + taken
}

// hash is that of a whole state. It depends on what the pieces are and not on their numbers, which
// come out differently on every run.
func (v *visited) hash(ids []uint32) uint64 {
	h := uint64(0)
	for i, id := range ids {
		h ^= mixed(v.values.hash(id), i)
	}
	return h
}

// mixed is the share of piece i in the hash of a state.
func mixed(h uint64, i int) uint64 {
	h += uint64(i+1) * 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// first is the entry where a state with that hash is looked for first.
func (v *visited) first(h uint64) uint64 { return v.table[h>>v.shift].Load() }

// look finds a state, or puts the record mine in its place. It returns the number under which the state is
// known, and whether that is new.
func (v *visited) look(h uint64, ids []uint32, mine uint32) (uint32, bool) {
	mask := uint64(len(v.table) - 1)
	for i := h >> v.shift; ; i++ {
		slot := &v.table[i&mask]
		e := slot.Load()
		if e == 0 {
			if slot.CompareAndSwap(0, h>>32<<32|uint64(mine)+1) {
				return mine, true
			}
			e = slot.Load()
		}
		if (e^h)>>32 == 0 {
			if id := uint32(e) - 1; v.states.equal(id, ids) {
				return id, false
			}
		}
	}
}

// number returns the number of a state that is known.
func (v *visited) number(h uint64, ids []uint32) (uint32, bool) {
	mask := uint64(len(v.table) - 1)
	for i := h >> v.shift; ; i++ {
		e := v.table[i&mask].Load()
		if e == 0 {
			return 0, false
		}
		if id := uint32(e) - 1; (e^h)>>32 == 0 && v.states.equal(id, ids) {
			return id, true
		}
	}
}

// full is how many records a table is good for. Memory that is touched for the first time costs more than the
// few entries more that are looked at in a table which is fuller.
func full(table int) int { return table / 10 * 7 }

// grow makes a table of twice the size. Nobody may look meanwhile; all does something with each of several
// parts at the same time.
func (v *visited) grow(all func(do func(part, parts int))) {
	old := v.table
	v.table = large[atomic.Uint64](2 * len(old))
	v.shift--
	mask := uint64(len(v.table) - 1)
	all(func(part, parts int) {
		for i := len(old) * part / parts; i < len(old)*(part+1)/parts; i++ {
			e := old[i].Load()
			if e == 0 {
				continue
			}
			for i := e >> v.shift; !v.table[i&mask].CompareAndSwap(0, e); i++ {
			}
		}
	})
	v.states.reuse(old)
}

// empty forgets all states, and keeps their pieces.
func (v *visited) empty() {
	clear(v.table)
	v.next.Store(0)
}

// bytes is what all of it takes in memory.
func (v *visited) bytes() int64 {
	return v.states.bytes(int64(v.next.Load())) + int64(len(v.table))*8 + v.values.bytes.Load()
}

// record is the bytes that one record more may take.
func (v *visited) record() int64 {
	if v.values.count() > 1<<16-1 {
		return int64(v.pieces) * 4
	}
	return int64(v.pieces) * 2
}
