package check

import (
	"bytes"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// interned keeps each value of a piece once and numbers it. Looking one up takes no lock; a new one does,
// but new ones soon become rare: a hundred million states have some hundred thousand different pieces.
type interned struct {
	table atomic.Pointer[internTable]
	mu    sync.Mutex // for what follows, and for whoever adds to table
	used  int
	bytes atomic.Int64
	free  []byte // the rest of the block that values are cut from

	values [1 << 16]atomic.Pointer[[valuesABlock]value]
}

const (
	valuesABlock  = 1 << 12
	valuesAtBegin = 1 << 12
	bytesABlock   = 1 << 20
	maxValues     = valuesABlock << 16
)

type value struct {
	hash uint64
	data []byte
}

// internTable is open addressing: the high half of the hash, and the number plus one.
type internTable struct {
	mask    uint64
	entries []atomic.Uint64
}

func newInterned() *interned {
	in := &interned{}
	in.table.Store(newInternTable(valuesAtBegin))
	in.bytes.Add(valuesAtBegin * 8)
	return in
}

func newInternTable(n int) *internTable {
	return &internTable{mask: uint64(n - 1), entries: make([]atomic.Uint64, n)}
}

func (in *interned) at(id uint32) *value {
	return &in.values[id/valuesABlock].Load()[id%valuesABlock]
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
	for i := h; ; i++ {
		e := t.entries[i&t.mask].Load()
		if e == 0 {
			return 0, false
		}
		if e>>32 == h>>32 {
			id := uint32(e) - 1
			if v := in.at(id); v.hash == h && bytes.Equal(v.data, data) {
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
	if in.used == maxValues {
		panic("check: more different pieces than can be numbered")
	}
	id := uint32(in.used)
	block := &in.values[id/valuesABlock]
	if block.Load() == nil {
		block.Store(new([valuesABlock]value))
		in.bytes.Add(valuesABlock * 32)
	}
	block.Load()[id%valuesABlock] = value{h, in.keep(data)}
	if in.used++; in.used*2 > len(t.entries) {
		t = in.grow(t)
	}
	t.put(h, id)
	return id
}

func (in *interned) keep(data []byte) []byte {
	if len(in.free) < len(data) {
		n := max(bytesABlock, len(data))
		in.free = make([]byte, n)
		in.bytes.Add(int64(n))
	}
	kept := in.free[:len(data):len(data)]
	in.free = in.free[len(data):]
	copy(kept, data)
	return kept
}

// put adds an entry for whoever looks from now on. Who reads the table meanwhile sees it or does not.
func (t *internTable) put(h uint64, id uint32) {
	for i := h; ; i++ {
		if e := &t.entries[i&t.mask]; e.Load() == 0 {
			e.Store(h>>32<<32 | uint64(id) + 1)
			return
		}
	}
}

// grow makes a table of twice the size. Who still reads the old one misses what is added after, and
// looks again under the lock.
func (in *interned) grow(old *internTable) *internTable {
	t := newInternTable(2 * len(old.entries))
	for id := range uint32(in.used - 1) {
		t.put(in.at(id).hash, id)
	}
	in.bytes.Add(int64(len(old.entries)) * 8)
	in.table.Store(t)
	return t
}
