//go:build linux

package record

import (
	"context"
	"math"
	"runtime"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// A chunk is what one look at all CPUs found.
type chunk struct {
	slots []byte // events of a slot's size, those of a CPU in order
	until int64  // no event of this time or before is still to come
	lost  []uint64
}

// Events are fetched as seldom as may be. Nobody is woken for them, because the wakeups would be recorded too, and
// fetching wakes threads of the recorder's: what they cost others weighs more than that fewer segments stay in caches.
const (
	seldom = 60 * time.Millisecond
	often  = 10 * time.Millisecond
)

// fastest is how long a CPU takes for a switch at the least.
const fastest = time.Microsecond

// interval is how often events are fetched: before any CPU can have filled more than half of its share.
func (g *geometry) interval() time.Duration {
	return min(max(time.Duration(g.segments*g.segmentSlots)*fastest/2, often), seldom)
}

// enoughWaiting is how many bytes may wait for the writer. What comes when there are more stays in the kernel's buffer.
const enoughWaiting = 512 << 20

// drainer moves events from the shelves to the writer until ctx ends. It does nothing else, on a thread that comes first:
// what it does not fetch in time is lost.
type drainer struct {
	*shelves
	chunks  chan chunk
	used    chan []byte // of chunks that were written
	waiting atomic.Int64
	detach  func()
}

func (d *drainer) run(ctx context.Context) error {
	defer close(d.chunks)
	runtime.LockOSThread() // and never unlocked: the thread ends with its priority
	// Without CAP_SYS_NICE it has to compete like everybody.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	for {
		// Not a system call: the runtime's own watcher would look every 20 µs whether it has come back.
		time.Sleep(d.interval())
		if ctx.Err() != nil {
			return d.end()
		}
		if d.waiting.Load() > enoughWaiting {
			continue
		}
		c, err := d.look()
		if err != nil {
			return err
		}
		d.send(c)
	}
}

// look collects what is there, in memory that was used before if there is any.
func (d *drainer) look() (chunk, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return chunk{}, err
	}
	var memory []byte
	select {
	case memory = <-d.used:
	default:
	}
	return d.gather(now.Nano(), memory[:0])
}

// gather collects what is there now. An event that is being written holds back what is younger than the one before it.
func (s *shelves) gather(now int64, memory []byte) (chunk, error) {
	c := chunk{slots: memory, until: now, lost: make([]uint64, s.cpus)}
	for cpu := range s.cpus {
		var idle bool
		var err error
		if c.slots, idle, err = s.collect(cpu, c.slots); err != nil {
			return chunk{}, err
		}
		if !idle {
			c.until = min(c.until, s.at[cpu].last)
		}
		c.lost[cpu] = s.lost(cpu)
	}
	return c, nil
}

func (d *drainer) send(c chunk) {
	d.waiting.Add(int64(len(c.slots)))
	d.chunks <- c
}

// end detaches the programs and collects what they leave behind.
func (d *drainer) end() error {
	d.detach()
	// A program that runs while it is detached is over soon.
	time.Sleep(often)
	c, err := d.look()
	c.until = math.MaxInt64
	d.send(c)
	return err
}
