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
// A value's number is where it stands, in words, so that what is asked of it is found with one step: its
// hash, its length and its bytes lie together.
type interned struct {
	table  atomic.Pointer[internTable]
	mu     sync.Mutex // for what follows, and for whoever adds to table
	used   int
	free   uint32 // where the next value goes
	bytes  atomic.Int64
	blocks [1 << (32 - wordsABlockBits)]atomic.Pointer[[wordsABlock]uint64]
}

const (
	wordsABlockBits = 19
	wordsABlock     = 1 << wordsABlockBits
	valuesAtBegin   = 1 << 12
	headWords       = 2 // hash, length
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

// words is a value with its head.
func (in *interned) words(id uint32) []uint64 {
	return in.blocks[id>>wordsABlockBits].Load()[id&(wordsABlock-1):]
}

// hash is that of a value.
func (in *interned) hash(id uint32) uint64 {
	return in.blocks[id>>wordsABlockBits].Load()[id&(wordsABlock-1)]
}

// at returns a value.
func (in *interned) at(id uint32) []byte { return dataOf(in.words(id)) }

func dataOf(w []uint64) []byte {
	n := w[1]
	if n == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&w[headWords])), n)
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
			if w := in.words(id); w[0] == h && bytes.Equal(dataOf(w), data) {
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
	words := uint32(headWords + (len(data)+7)/8)
	if in.free&(wordsABlock-1)+words > wordsABlock {
		in.free = (in.free + wordsABlock) &^ (wordsABlock - 1)
	}
	id := in.free
	if words > wordsABlock || uint64(id)+uint64(words) >= 1<<32 {
		panic("check: more different pieces than can be numbered")
	}
	block := &in.blocks[id>>wordsABlockBits]
	if block.Load() == nil {
		block.Store((*[wordsABlock]uint64)(large[uint64](wordsABlock)))
	}
	w := in.words(id)
	w[0], w[1] = h, uint64(len(data))
	copy(dataOf(w), data)
	in.free += words
	in.bytes.Add(int64(words) * 8)
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
