//go:build linux

package record

import (
	"math"
	"math/bits"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"switchyard/record/bpf"
)

func newShelves(g geometry) *shelves {
	s := &shelves{geometry: g, at: make([]cursor, g.cpus),
		heads: make([]byte, g.cpus*int(unsafe.Sizeof(bpf.ObjectShelf{}))), memory: make([]byte, g.slots()*g.slotSize)}
	s.reset()
	return s
}

// take is what shelf.h's take does, on a machine where nothing interrupts it.
func (s *shelves) take(cpu int) *slotTaken {
	h := s.head(cpu)
	if int(h.At&0xfffff) >= s.segmentSlots && !s.begin(h) {
		h.Lost++
		return nil
	}
	turn, segment, slot := uint32(h.At>>32), int(uint32(h.At)>>20), int(h.At&0xfffff)
	h.At++
	return &slotTaken{(*bpf.ObjectEvent)(unsafe.Pointer(unsafe.SliceData(s.slot(cpu, segment, slot)))), turn}
}

func (s *shelves) begin(h *bpf.ObjectShelf) bool {
	for i := range h.Free {
		if h.Free[i] == 0 {
			continue
		}
		segment := 64*i + bits.TrailingZeros64(h.Free[i])
		h.Free[i] &= h.Free[i] - 1
		turn := h.At>>32 + 1
		h.At = turn<<32 | uint64(segment)<<20
		h.Given[turn%uint64(len(h.Given))] = turn<<32 | uint64(segment)
		return true
	}
	return false
}

// slotTaken is an event that is being written.
type slotTaken struct {
	event *bpf.ObjectEvent
	turn  uint32
}

func (t *slotTaken) write(cpu int, time int64) {
	t.event.Time, t.event.Cpu = uint64(time), uint32(cpu)
}

func (t *slotTaken) finish() { t.event.Turn = t.turn }

func TestABufferIsDividedWithinItsSize(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		buffer := rapid.IntRange(1<<12, 1<<30).Draw(t, "buffer")
		size := rapid.IntRange(22, 40).Draw(t, "words") * 8
		cpus := rapid.IntRange(1, 512).Draw(t, "cpus")
		g, err := divide(buffer, size, cpus)
		if err != nil {
			if buffer/cpus/size >= 64 {
				t.Fatalf("%v", err)
			}
			return
		}
		used := g.slots() * g.slotSize
		if used > buffer || used < buffer/4 {
			t.Fatalf("%+v uses %d of %d bytes", g, used, buffer)
		}
		if g.segments < 4 || g.segments > maxSegments || g.segmentSlots > 1<<19 {
			t.Fatalf("%+v", g)
		}
	})
}

// A CPU that switches as fast as any must not fill its share before the reader comes by, if the share is not tiny.
func TestTheReaderComesBeforeAShareIsFull(t *testing.T) {
	for _, c := range []struct {
		buffer, cpus int
		want         time.Duration
	}{{DefaultBuffer, 2, seldom}, {DefaultBuffer, 8, 22784 * time.Microsecond}, {DefaultBuffer, 64, often}, {1 << 20, 1, often}} {
		g, err := divide(c.buffer, 184, c.cpus)
		if err != nil {
			t.Fatal(err)
		}
		if got := g.interval(); got != c.want {
			t.Errorf("%d bytes for %d CPUs: every %s, want %s", c.buffer, c.cpus, got, c.want)
		}
	}
}

// Whatever the programs write, whatever they are interrupted in and whenever the reader looks: every event that had room
// is read once, in the order of times, and what had none is counted.
func TestEveryEventIsReadOnceAndInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const size = rawSize + 24
		s := newShelves(geometry{cpus: rapid.IntRange(1, 3).Draw(t, "cpus"), segments: rapid.IntRange(1, 5).Draw(t, "segments"),
			segmentSlots: rapid.IntRange(1, 4).Draw(t, "slots"), slotSize: size})
		o := order{size: size}
		open := make([][]*slotTaken, s.cpus)
		var now, written, lost int64
		var got []int64
		look := func(until int64) {
			c, err := s.gather(until, nil)
			if err != nil {
				t.Fatal(err)
			}
			if until == math.MaxInt64 && c.until != until {
				t.Fatalf("held back from %d on when all was written", c.until)
			}
			if err := o.add(c.slots, c.until, func(raw []byte) error {
				got = append(got, int64((*bpf.ObjectEvent)(unsafe.Pointer(unsafe.SliceData(raw))).Time))
				return nil
			}); err != nil {
				t.Fatal(err)
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				cpu := rapid.IntRange(0, s.cpus-1).Draw(t, "cpu")
				now++
				if e := s.take(cpu); e == nil {
					lost++
				} else {
					written++
					e.write(cpu, now)
					open[cpu] = append(open[cpu], e)
				}
			},
			"finish": func(t *rapid.T) {
				cpu := rapid.IntRange(0, s.cpus-1).Draw(t, "cpu")
				// Whoever interrupts another one ends first.
				if n := len(open[cpu]); n > 0 {
					open[cpu][n-1].finish()
					open[cpu] = open[cpu][:n-1]
				}
			},
			"look": func(*rapid.T) { look(now) },
		})
		for _, all := range open {
			for _, e := range all {
				e.finish()
			}
		}
		look(math.MaxInt64)
		if int64(len(got)) != written {
			t.Fatalf("%d of %d events were read", len(got), written)
		}
		if !slices.IsSorted(got) {
			t.Fatalf("read in the order %v", got)
		}
		var counted uint64
		for cpu := range s.cpus {
			counted += s.lost(cpu)
			if !s.idle(cpu) {
				t.Fatalf("CPU %d is not idle", cpu)
			}
		}
		if counted != uint64(lost) {
			t.Fatalf("%d events are counted as lost, %d were", counted, lost)
		}
	})
}

// A CPU that nobody keeps waiting uses the same two segments for ever.
func TestSegmentsThatWereReadAreUsedFirst(t *testing.T) {
	s := newShelves(geometry{cpus: 1, segments: 200, segmentSlots: 8, slotSize: rawSize + 24})
	used := map[int]bool{}
	var b []byte
	for i := range 5000 {
		e := s.take(0)
		e.write(0, int64(i))
		e.finish()
		used[int(uint32(s.head(0).At)>>20)] = true
		var err error
		if b, _, err = s.collect(0, b[:0]); err != nil || len(b) != s.slotSize {
			t.Fatalf("event %d: %d bytes, %v", i, len(b), err)
		}
	}
	if len(used) > 2 {
		t.Errorf("%d segments were used", len(used))
	}
}

func TestASegmentThatThereIsNotIsRefused(t *testing.T) {
	s := newShelves(geometry{cpus: 1, segments: 2, segmentSlots: 8, slotSize: rawSize + 24})
	s.head(0).Given[1] = 1<<32 | 7
	if _, _, err := s.collect(0, nil); err == nil {
		t.Error("segment 7 of 2 was read")
	}
}

func TestABufferThatIsTooSmallIsRefused(t *testing.T) {
	_, err := divide(1<<20, 208, 512)
	if err == nil || !strings.Contains(err.Error(), "give it 7 MB or more") {
		t.Error(err)
	}
}
