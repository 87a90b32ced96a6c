package check

import (
	"bytes"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/zeebo/xxh3"
)

// interned keeps each value of a piece once and numbers it. Looking one up takes no lock; a new one does,
// but new ones soon become rare: a hundred million states have some hundred thousand different pieces.
//
// Numbers are small, so that a state takes little room, and what is asked of most values is their hash: these stand
// side by side, apart from the values.
type interned struct {
	table  atomic.Pointer[internTable]
	mu     sync.Mutex // for what follows, and for whoever adds to table
	used   int
	next   atomic.Uint32 // the number of the next value
	free   uint32        // where the next value goes
	bytes  atomic.Int64
	heads  [1 << (numberBits - headsABlockBits)]atomic.Pointer[[headsABlock]valueHead]
	blocks [1 << (32 - wordsABlockBits)]atomic.Pointer[[wordsABlock]uint64]
}

// valueHead is what is kept of a value beside its bytes.
type valueHead struct {
	hash uint64
	at   uint32 // where it stands, in words
	size uint32
}

const (
	numberBits      = 28
	headsABlockBits = 14
	headsABlock     = 1 << headsABlockBits
	wordsABlockBits = 19
	wordsABlock     = 1 << wordsABlockBits
	valuesAtBegin   = 1 << 12
)

// internTable is open addressing. An entry is the high half of the hash, which also says where it is to be
// looked for first, and the value's number plus one.
type internTable struct {
	shift   uint
	entries []atomic.Uint64
}

func newInterned() *interned {
	in := &interned{}
	in.table.Store(newInternTable(valuesAtBegin))
	in.bytes.Add(valuesAtBegin * 8)
	return in
}

func newInternTable(n int) *internTable {
	return &internTable{shift: shiftFor(n), entries: make([]atomic.Uint64, n)}
}

func (in *interned) head(id uint32) *valueHead {
	return &in.heads[id>>headsABlockBits].Load()[id&(headsABlock-1)]
}

// hash is that of a value.
func (in *interned) hash(id uint32) uint64 { return in.head(id).hash }

// count is how many numbers were given out.
func (in *interned) count() uint32 { return in.next.Load() }

// at returns a value.
func (in *interned) at(id uint32) []byte { return in.data(in.head(id)) }

func (in *interned) data(h *valueHead) []byte {
	words := &in.blocks[h.at>>wordsABlockBits].Load()[h.at&(wordsABlock-1)]
	return unsafe.Slice((*byte)(unsafe.Pointer(words)), h.size)
}

// id returns the number of a value, and its hash.
func (in *interned) id(data []byte) (uint32, uint64) {
	h := xxh3.Hash(data)
	if id, ok := in.find(in.table.Load(), h, data); ok {
		return id, h
	}
	return in.add(h, data), h
}

func (in *interned) find(t *internTable, h uint64, data []byte) (uint32, bool) {
	mask := uint64(len(t.entries) - 1)
	for i := h >> t.shift; ; i++ {
		e := t.entries[i&mask].Load()
		if e == 0 {
			return 0, false
		}
		if (e^h)>>32 == 0 {
			id := uint32(e) - 1
			if v := in.head(id); v.hash == h && bytes.Equal(in.data(v), data) {
				return id, true
			}
		}
	}
}

func (in *interned) add(h uint64, data []byte) uint32 {
	in.mu.Lock()
	defer in.mu.Unlock()
	t := in.table.Load()
	if id, ok := in.find(t, h, data); ok {
		return id // somebody else was quicker
	}
	id := in.keep(h, data)
	if in.used++; in.used*2 > len(t.entries) {
		t = in.grow(t)
	}
	t.put(h>>32<<32 | uint64(id) + 1)
	return id
}

func (in *interned) keep(h uint64, data []byte) uint32 {
	words := uint32(max(1, (len(data)+7)/8))
	if in.free&(wordsABlock-1)+words > wordsABlock {
		in.free = (in.free + wordsABlock) &^ (wordsABlock - 1)
	}
	id := in.count()
	if uint16(id) == unusedRecord {
		id++ // see records
	}
	if words > wordsABlock || uint64(in.free)+uint64(words) >= 1<<32 || id >= 1<<numberBits {
		panic("check: more different pieces than can be numbered")
	}
	if block := &in.heads[id>>headsABlockBits]; block.Load() == nil {
		block.Store(new([headsABlock]valueHead))
	}
	if block := &in.blocks[in.free>>wordsABlockBits]; block.Load() == nil {
		block.Store((*[wordsABlock]uint64)(large[uint64](wordsABlock)))
	}
	head := in.head(id)
	*head = valueHead{hash: h, at: in.free, size: uint32(len(data))}
	copy(in.data(head), data)
	in.free += words
	in.bytes.Add(int64(words)*8 + int64(unsafe.Sizeof(*head)))
	in.next.Store(id + 1)
	return id
}

// put adds an entry for whoever looks from now on. Who reads the table meanwhile sees it or does not.
func (t *internTable) put(e uint64) {
	mask := uint64(len(t.entries) - 1)
	for i := e >> t.shift; ; i++ {
		if at := &t.entries[i&mask]; at.Load() == 0 {
			at.Store(e)
			return
		}
	}
}

// grow makes a table of twice the size. Who still reads the old one misses what is added after, and
// looks again under the lock.
func (in *interned) grow(old *internTable) *internTable {
	t := newInternTable(2 * len(old.entries))
	for i := range old.entries {
		if e := old.entries[i].Load(); e != 0 {
			t.put(e)
		}
	}
	in.bytes.Add(int64(len(old.entries)) * 8)
	in.table.Store(t)
	return t
}
