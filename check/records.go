package check

import (
	"sync"
	"sync/atomic"
	"unsafe"
)

// records are the numbers of the pieces of every state. Most models come to some ten thousand different pieces, so the
// low halves of numbers stand by themselves, and high halves only in blocks that have any. Memory that is touched for
// the first time is dear: half the bytes are worth the two loops.
type records struct {
	pieces int
	blocks [1 << (32 - recordsABlockBits)]recordBlock
	highs  atomic.Int64 // blocks that have high halves

	mu   sync.Mutex // for what follows, and for whoever makes a block
	made int
	room [][]uint16 // for blocks to come
}

type recordBlock struct{ low, high atomic.Pointer[uint16] }

const (
	recordsABlockBits = 18
	recordsABlock     = 1 << recordsABlockBits
	roomAtOnce        = 4          // blocks at most
	unusedRecord      = ^uint16(0) // in the place of the low half of a first piece; no number ends so
)

// low is the low halves of a record.
func (r *records) low(id uint32) []uint16 {
	return r.part(r.blocks[id/recordsABlock].low.Load(), id)
}

// high is the high ones; nil where they are all 0.
func (r *records) high(id uint32) []uint16 {
	if block := r.blocks[id/recordsABlock].high.Load(); block != nil {
		return r.part(block, id)
	}
	return nil
}

func (r *records) part(block *uint16, id uint32) []uint16 {
	at := unsafe.Add(unsafe.Pointer(block), uintptr(id%recordsABlock)*uintptr(r.pieces)*2)
	return unsafe.Slice((*uint16)(at), r.pieces)
}

// used reports whether a record that was given out has a state.
func (r *records) used(id uint32) bool { return r.low(id)[0] != unusedRecord }

// leave makes it one that has none.
func (r *records) leave(id uint32) { r.low(id)[0] = unusedRecord }

// read writes the numbers of the pieces of a state to ids.
func (r *records) read(id uint32, ids []uint32) {
	for i, low := range r.low(id) {
		ids[i] = uint32(low)
	}
	for i, high := range r.high(id) {
		ids[i] |= uint32(high) << 16
	}
}

// write makes ids what a record has. It must not be in the table yet.
func (r *records) write(id uint32, ids []uint32) {
	low, all := r.low(id), uint32(0)
	for i, piece := range ids {
		low[i] = uint16(piece)
		all |= piece
	}
	if all>>16 != 0 {
		r.makeHigh(&r.blocks[id/recordsABlock])
	}
	high := r.high(id)
	for i := range high {
		high[i] = uint16(ids[i] >> 16)
	}
}

// equal reports whether a state has these pieces.
func (r *records) equal(id uint32, ids []uint32) bool {
	differ, above := uint32(0), uint32(0)
	for i, low := range r.low(id) {
		differ |= uint32(low) ^ ids[i]&0xffff
		above |= ids[i] >> 16
	}
	high := r.high(id)
	if high == nil {
		return differ|above == 0
	}
	for i := range high {
		differ |= uint32(high[i]) ^ ids[i]>>16
	}
	return differ == 0
}

// reach sees to it that there is memory for a record.
func (r *records) reach(id uint32) {
	block := &r.blocks[id/recordsABlock]
	if block.low.Load() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if block.low.Load() != nil {
		return // somebody else was quicker
	}
	n := recordsABlock * r.pieces
	for len(r.room) > 0 && len(r.room[0]) < n {
		r.room = r.room[1:]
	}
	if len(r.room) == 0 {
		r.room = append(r.room, large[uint16](n*min(max(r.made, 1), roomAtOnce)))
	}
	block.low.Store(&r.room[0][0])
	r.room[0] = r.room[0][n:]
	r.made++
}

func (r *records) makeHigh(block *recordBlock) {
	if block.high.Load() != nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if block.high.Load() == nil {
		block.high.Store(&large[uint16](recordsABlock * r.pieces)[0])
		r.highs.Add(1)
	}
}

// reuse takes memory that nobody needs any more for blocks to come.
func (r *records) reuse(words []atomic.Uint64) {
	r.room = append(r.room, unsafe.Slice((*uint16)(unsafe.Pointer(&words[0])), 4*len(words)))
}

// bytes is what n records take in memory.
func (r *records) bytes(n int64) int64 {
	return (n + min(n, r.highs.Load()*recordsABlock)) * int64(r.pieces) * 2
}
