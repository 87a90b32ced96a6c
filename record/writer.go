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
	out      *tape.Writer
	progress func(Progress)
	started  time.Time
	Progress

	on       []onCPU // by CPU
	lastTime int64
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
func (w *writer) writeAside(chunks <-chan []byte, asked <-chan error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its priority
		// Everybody may step back.
		_ = unix.Setpriority(unix.PRIO_PROCESS, 0, 19)
		done <- w.write(chunks, asked)
	}()
	return <-done
}

// write takes chunks until there are no more. asked yields when the snapshot is in the ring.
func (w *writer) write(chunks <-chan []byte, asked <-chan error) error {
	tick := time.NewTicker(reportEvery)
	defer tick.Stop()
	flushed := time.Now()
	for {
		select {
		case chunk, more := <-chunks:
			if !more {
				return w.lost()
			}
			for len(chunk) > 0 {
				n := int(chunk[0]) | int(chunk[1])<<8
				if err := w.one(chunk[2 : 2+n]); err != nil {
					return err
				}
				chunk = chunk[2+n:]
			}
			if err := w.lost(); err != nil {
				return err
			}
		case err := <-asked:
			if err != nil {
				return err
			}
			asked = nil
		case <-tick.C:
			w.Elapsed, w.Missed = time.Since(w.started), w.missed()
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

func (w *writer) one(raw []byte) error {
	var e tape.Event
	if err := w.decoder.decode(raw, &e); err != nil {
		return err
	}
	w.Events++
	w.lastTime = e.Time
	if e.Kind == tape.Switch {
		w.switched(&e)
	}
	return w.out.Write(&e)
}

func (w *writer) switched(e *tape.Event) {
	w.Switches++
	if e.Next.MM != tape.NoMM && e.Next.MM != e.Prev.ActiveMM {
		w.Loads++
	}
	for len(w.on) <= int(e.CPU) {
		w.on = append(w.on, onCPU{})
	}
	c := &w.on[e.CPU]
	if c.seen && c.pid != e.Prev.PID {
		w.Gaps++
	}
	*c = onCPU{e.Next.PID, true}
}

// lost notes in the file what the ring had no room for.
func (w *writer) lost() error {
	n := w.dropped()
	if n == w.Dropped {
		return nil
	}
	e := tape.Event{Kind: tape.Lost, Time: w.lastTime, Arg: uint32(n - w.Dropped)}
	w.Dropped = n
	return w.out.Write(&e)
}
