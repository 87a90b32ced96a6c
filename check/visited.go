package check

import (
	"math/bits"
	"slices"
	"sync/atomic"
)

// visited is every state that was reached, whole: a record has the numbers of its pieces. States are
// numbered as they come, so that the states of one depth stand one after another. How a state was reached
// is not kept: the way to the one that matters is found again afterwards.
type visited struct {
	pieces int
	values *interned

	next    atomic.Uint32 // number of the next record
	table   []atomic.Uint64
	shift   uint
	records [1 << 17]atomic.Pointer[[]uint32]
}

const (
	recordsABlock = 1 << 15
	maxStates     = 1<<32 - 1<<16
	unusedRecord  = ^uint32(0) // in the place of a first piece
)

func newVisited(pieces int) *visited {
	v := &visited{pieces: pieces, values: newInterned()}
	v.resize(1 << 16)
	return v
}

// pieceIDs returns the numbers of the pieces of a state.
func (v *visited) pieceIDs(id uint32) []uint32 {
	at := int(id%recordsABlock) * v.pieces
	return (*v.records[id/recordsABlock].Load())[at : at+v.pieces : at+v.pieces]
}

func (v *visited) piece(id uint32, i int) []byte { return v.values.at(v.pieceIDs(id)[i]).data }

// fresh takes a record for a worker that may need one.
func (v *visited) fresh() uint32 {
	id := v.next.Add(1) - 1
	block := &v.records[id/recordsABlock]
	if block.Load() == nil {
		words := make([]uint32, recordsABlock*v.pieces)
		block.CompareAndSwap(nil, &words)
	}
	return id
}

// hash is that of a whole state. It depends on what the pieces are and not on their numbers, which
// come out differently on every run.
func (v *visited) hash(ids []uint32) uint64 {
	h := uint64(0)
	for i, id := range ids {
		h ^= mixed(v.values.at(id).hash, i)
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

// look finds a state, or puts the record mine in its place. It returns the number under which the state is
// known, and whether that is new.
func (v *visited) look(h uint64, ids []uint32, mine uint32) (uint32, bool) {
	mask := uint64(len(v.table) - 1)
	tag := h << 32
	for i := h >> v.shift; ; i++ {
		slot := &v.table[i&mask]
		e := slot.Load()
		if e == 0 {
			if slot.CompareAndSwap(0, tag|uint64(mine)+1) {
				return mine, true
			}
			e = slot.Load()
		}
		if e&^0xffffffff == tag {
			if id := uint32(e) - 1; slices.Equal(v.pieceIDs(id), ids) {
				return id, false
			}
		}
	}
}

// reserve makes room for n more states. Nobody may look meanwhile.
func (v *visited) reserve(n int) {
	need := int(v.next.Load()) + n
	size := len(v.table)
	for size*3/5 < need {
		size *= 2
	}
	if size != len(v.table) {
		v.resize(size)
	}
}

func (v *visited) resize(size int) {
	v.table = make([]atomic.Uint64, size)
	v.shift = uint(64 - bits.TrailingZeros(uint(size)))
	mask := uint64(size - 1)
	for id := range v.next.Load() {
		ids := v.pieceIDs(id)
		if ids[0] == unusedRecord {
			continue
		}
		h := v.hash(ids)
		for i := h >> v.shift; ; i++ {
			if e := &v.table[i&mask]; e.Load() == 0 {
				e.Store(h<<32 | uint64(id) + 1)
				break
			}
		}
	}
}

// bytes is what all of it takes in memory.
func (v *visited) bytes() int64 {
	blocks := (int64(v.next.Load()) + recordsABlock - 1) / recordsABlock
	return blocks*recordsABlock*int64(v.pieces)*4 + int64(len(v.table))*8 + v.values.bytes.Load()
}

// bytesFor is what reserve(n) would bring that to, the old table while it is copied included.
func (v *visited) bytesFor(n int) int64 {
	need, size := int(v.next.Load())+n, len(v.table)
	more := int64(n) * int64(v.pieces) * 4
	for size*3/5 < need {
		size *= 2
		more += int64(size) * 8
	}
	return v.bytes() + more
}
