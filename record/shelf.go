//go:build linux

package record

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync/atomic"
	"unsafe"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"switchyard/record/bpf"
)

// geometry is how a buffer is divided: every CPU has the same number of segments, every segment of slots.
type geometry struct {
	cpus, segments, segmentSlots, slotSize int
}

// Few slots make a segment, so that those in use stay in a CPU's caches; and enough that changing it costs nothing.
const fewSlots = 512

var maxSegments = len(bpf.ObjectShelf{}.Given)

// divide makes the most of a buffer.
func divide(buffer, slotSize, cpus int) (geometry, error) {
	const least = 64
	each := buffer / cpus / slotSize
	if each < least {
		return geometry{}, fmt.Errorf("a buffer of %d bytes has no room for %d events on each of %d CPUs: give it %d MB or more", buffer, least, cpus,
			(least*slotSize*cpus+1<<20-1)>>20)
	}
	n := min(fewSlots, floorPower(each/4))
	n = max(n, floorPower((each+maxSegments-1)/maxSegments))
	return geometry{cpus, min(each/n, maxSegments), n, slotSize}, nil
}

func floorPower(n int) int { return 1 << (bits.Len(uint(n)) - 1) }

// slots is how many there are in all.
func (g *geometry) slots() int { return g.cpus * g.segments * g.segmentSlots }

// shelves are what the programs write into, as the reader sees it. See bpf/shelf.h.
type shelves struct {
	geometry
	heads, memory []byte
	at            []cursor // by CPU
}

// cursor is the next slot of a CPU to be read.
type cursor struct {
	turn    uint32
	segment int // of turn; -1: not known yet
	slot    int
	last    int64 // time of what was read last
}

// openShelves maps both arrays and makes every segment free. No program may be attached yet.
func openShelves(g geometry, heads, slots *ebpf.Map) (*shelves, error) {
	s := &shelves{geometry: g, at: make([]cursor, g.cpus)}
	var err error
	if s.heads, err = mapArray(heads, g.cpus*int(unsafe.Sizeof(bpf.ObjectShelf{}))); err == nil {
		s.memory, err = mapArray(slots, g.slots()*g.slotSize)
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("the buffer that the kernel shares cannot be mapped: %w", err)
	}
	s.reset()
	return s, nil
}

func mapArray(m *ebpf.Map, size int) ([]byte, error) {
	page := unix.Getpagesize()
	return unix.Mmap(m.FD(), 0, (size+page-1)&^(page-1), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// reset makes all segments free. The first event finds the one of turn 0 full, which nobody was given, and begins turn 1.
func (s *shelves) reset() {
	for cpu := range s.cpus {
		h := s.head(cpu)
		*h = bpf.ObjectShelf{At: uint64(s.segmentSlots)}
		for i := range s.segments {
			h.Free[i/64] |= 1 << (i % 64)
		}
		s.at[cpu] = cursor{turn: 1, segment: -1, last: math.MinInt64}
	}
}

func (s *shelves) head(cpu int) *bpf.ObjectShelf {
	return &unsafe.Slice((*bpf.ObjectShelf)(unsafe.Pointer(unsafe.SliceData(s.heads))), s.cpus)[cpu]
}

func (s *shelves) slot(cpu, segment, slot int) []byte {
	at := ((cpu*s.segments+segment)*s.segmentSlots + slot) * s.slotSize
	return s.memory[at : at+s.slotSize]
}

var errShelf = errors.New("the programs took a segment that there is not: this is a bug in the recorder, please report it")

// collect appends a CPU's events that are whole to b, as many as it holds at most, and tells whether the CPU had begun
// none but these when it was looked at last.
func (s *shelves) collect(cpu int, b []byte) ([]byte, bool, error) {
	for range s.segments + 1 {
		c, h := &s.at[cpu], s.head(cpu)
		if c.segment < 0 {
			given := atomic.LoadUint64(&h.Given[int(c.turn)%len(h.Given)])
			if uint32(given>>32) != c.turn {
				break
			}
			if c.segment, c.slot = int(uint32(given)), 0; c.segment >= s.segments {
				return b, false, errShelf
			}
		}
		b = s.whole(cpu, b)
		if c.slot < s.segmentSlots {
			break
		}
		atomic.OrUint64(&h.Free[c.segment/64], 1<<(c.segment%64))
		c.turn, c.segment = c.turn+1, -1
	}
	return b, s.idle(cpu), nil
}

// whole appends what is whole in the segment of a CPU's cursor.
func (s *shelves) whole(cpu int, b []byte) []byte {
	c := &s.at[cpu]
	for ; c.slot < s.segmentSlots; c.slot++ {
		raw := s.slot(cpu, c.segment, c.slot)
		e := (*bpf.ObjectEvent)(unsafe.Pointer(unsafe.SliceData(raw)))
		if atomic.LoadUint32(&e.Turn) != c.turn {
			break
		}
		c.last = int64(e.Time)
		b = append(b, raw...)
	}
	return b
}

// idle tells whether a CPU has taken no slot beyond its cursor.
func (s *shelves) idle(cpu int) bool {
	c, at := &s.at[cpu], atomic.LoadUint64(&s.head(cpu).At)
	turn, slot := uint32(at>>32), int(at&0xfffff)
	if c.segment < 0 {
		return turn+1 == c.turn
	}
	return turn == c.turn && slot == c.slot
}

// lost is how many events a CPU had no slot for.
func (s *shelves) lost(cpu int) uint64 { return atomic.LoadUint64(&s.head(cpu).Lost) }

func (s *shelves) close() {
	for _, m := range [][]byte{s.heads, s.memory} {
		if m != nil {
			_ = unix.Munmap(m) // it was mapped
		}
	}
}
