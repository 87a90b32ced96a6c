//go:build linux

package record

import (
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/record/tape"
)

// writer puts events into the file and counts them.
type writer struct {
	*live
	decoder  *decoder
	order    order
	twins    twins
	slots    slots
	event    tape.Event // that is being written
	out      *tape.Writer
	progress func(Progress)
	started  time.Time
	Progress

	on       []onCPU  // by CPU
	lost     []uint64 // by CPU
	lastTime int64
	earlier  [8]uint64 // what missed was at the last reports
}

// onCPU is who was last seen to get a CPU.
type onCPU struct {
	pid  uint32
	seen bool
}

const (
	reportEvery = 500 * time.Millisecond
	flushEvery  = time.Second
)

// writeAside writes on a thread that comes last: what is recorded shall not have to compete with it. The queue has room
// for what waits meanwhile.
func (w *writer) writeAside(d *drainer, asked <-chan error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its priority
		// Everybody may step back.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
		done <- w.write(d, asked)
	}()
	return <-done
}

// write takes chunks until there are no more. asked yields when the snapshot is in the ring.
func (w *writer) write(d *drainer, asked <-chan error) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	flushed := time.Now()
	for {
		select {
		case c, more := <-d.chunks:
			if !more {
				w.Elapsed = time.Since(w.started)
				return w.noteUnseen(w.missed())
			}
			d.waiting.Add(-int64(len(c.slots)))
			if err := w.chunk(&c); err != nil {
				return err
			}
			select {
			case d.used <- c.slots:
			default:
			}
		case err := <-asked:
			if err != nil {
				return err
			}
			asked = nil
		case <-tick.C:
			w.Elapsed = time.Since(w.started)
			// Between the first program, which missed an event, and the second, which may not, a task can be switched
			// away from: what was missed a while ago has had its second chance.
			if err := w.noteUnseen(w.earlier[0]); err != nil {
				return err
			}
			copy(w.earlier[:], w.earlier[1:])
			w.earlier[len(w.earlier)-1] = w.missed()
			if w.progress != nil {
				w.progress(w.Progress)
			}
			if time.Since(flushed) >= flushEvery {
				flushed = time.Now()
				if err := w.out.Flush(); err != nil {
					return err
				}
			}
		}
	}
}

func (w *writer) chunk(c *chunk) error {
	if err := w.order.add(c.slots, c.until, w.one); err != nil {
		return err
	}
	return w.noteLost(c.lost)
}

func (w *writer) one(raw []byte) error {
	if w.twins.seen(raw) {
		return nil
	}
	e := &w.event
	if err := w.decoder.decode(raw, e); err != nil {
		return err
	}
	w.Events++
	w.lastTime = e.Time
	if e.Kind == tape.Switch {
		if err := w.switched(e); err != nil {
			return err
		}
		if err := w.slots.tell(raw[rawSize:], e, w.out.Write); err != nil {
			return err
		}
	}
	return w.out.Write(e)
}

func (w *writer) switched(e *tape.Event) error {
	w.Switches++
	if e.Next.MM != tape.NoMM && e.Next.MM != e.Prev.ActiveMM {
		w.Loads++
	}
	for len(w.on) <= int(e.CPU) {
		w.on = append(w.on, onCPU{})
	}
	c := &w.on[e.CPU]
	was := *c
	*c = onCPU{e.Next.PID, true}
	if !was.seen || was.pid == e.Prev.PID {
		return nil
	}
	w.Gaps++
	return w.out.Write(&tape.Event{Kind: tape.Gap, CPU: e.CPU, Time: e.Time, Prev: tape.Task{PID: was.pid}})
}

// noteLost notes in the file what the kernel's buffer had no room for.
func (w *writer) noteLost(lost []uint64) error {
	if w.lost == nil {
		w.lost = make([]uint64, len(lost))
	}
	for cpu, n := range lost {
		if n == w.lost[cpu] {
			continue
		}
		e := tape.Event{Kind: tape.Lost, CPU: uint16(cpu), Time: w.lastTime, Arg: uint32(n - w.lost[cpu])}
		w.Dropped += n - w.lost[cpu]
		w.lost[cpu] = n
		if err := w.out.Write(&e); err != nil {
			return err
		}
	}
	return nil
}

// noteUnseen notes in the file what the kernel ran no program for. Which CPU that was on is not known.
func (w *writer) noteUnseen(missed uint64) error {
	if missed <= w.Missed+w.twins.rescued {
		return nil
	}
	n := missed - w.Missed - w.twins.rescued
	w.Missed += n
	return w.out.Write(&tape.Event{Kind: tape.Lost, Time: w.lastTime, Arg: uint32(n)})
}
