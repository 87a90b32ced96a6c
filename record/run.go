//go:build linux

package record

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/cilium/ebpf/ringbuf"
	"golang.org/x/sys/unix"

	"switchyard/record/bpf"
	"switchyard/record/tape"
)

// Run records until the time is up or ctx ends, which is no error: what was recorded is kept.
func Run(ctx context.Context, o Options) (Result, error) {
	l, err := attach(&o)
	if err != nil {
		return Result{}, err
	}
	defer l.close()
	meta, err := settings(&o, l.missing)
	if err != nil {
		return Result{}, err
	}
	reader, err := ringbuf.NewReader(l.all.Maps[bpf.ObjectMapEvents])
	if err != nil {
		return Result{}, err
	}
	defer reader.Close()

	if o.For > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.For)
		defer cancel()
	}
	chunks := make(chan []byte, queue)
	read := make(chan error, 1)
	go func() {
		read <- drain(ctx, l, reader, chunks)
		close(chunks)
	}()
	w := &writer{live: l, decoder: newDecoder(l.arm, l.layout.tlb), out: tape.NewWriter(o.Out, &meta), progress: o.Progress, started: time.Now()}
	asked := make(chan error, 1)
	go func() {
		err := l.snapshot()
		if err == nil && o.Started != nil {
			o.Started()
		}
		asked <- err
	}()
	err = w.writeAside(chunks, asked)
	if err != nil {
		// Nobody takes the chunks any more.
		l.detach()
		for range chunks {
		}
	}
	return Result{w.Progress, l.missing}, errors.Join(err, <-read, w.out.Close())
}

// A chunk holds records one after the other, each behind its length; the queue bounds what may wait for the writer.
const (
	chunkSize = 1 << 20
	queue     = 512
)

// pollEvery is how long events may lie in the ring when they are few. The programs wake nobody for them, because the
// wakeups would be recorded too.
const pollEvery = 20 * time.Millisecond

// drain moves records from the ring to the chunks until ctx ends and the ring is empty. It does nothing else, on a
// thread that comes first: what it does not fetch in time is lost.
func drain(ctx context.Context, l *live, reader *ringbuf.Reader, chunks chan<- []byte) error {
	runtime.LockOSThread() // and never unlocked: the thread ends with its priority
	// Without CAP_SYS_NICE it has to compete like everybody.
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, -20)
	var record ringbuf.Record
	chunk := make([]byte, 0, chunkSize)
	send := func() {
		if len(chunk) > 0 {
			chunks <- chunk
			chunk = make([]byte, 0, chunkSize)
		}
	}
	detached := false
	for {
		reader.SetDeadline(time.Now().Add(pollEvery))
		for {
			err := reader.ReadInto(&record)
			if errors.Is(err, os.ErrDeadlineExceeded) {
				break
			}
			if err != nil {
				return fmt.Errorf("reading the kernel's ring: %w", err)
			}
			n := len(record.RawSample)
			if len(chunk)+2+n > cap(chunk) {
				send()
			}
			chunk = append(append(chunk, byte(n), byte(n>>8)), record.RawSample...)
		}
		send()
		if detached {
			return nil
		}
		if ctx.Err() != nil {
			l.detach()
			detached = true
		}
	}
}
