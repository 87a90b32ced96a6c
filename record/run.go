//go:build linux

package record

import (
	"context"
	"errors"
	"time"

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

	ctx, stop := context.WithCancel(ctx)
	defer stop()
	if o.For > 0 {
		ctx, stop = context.WithTimeout(ctx, o.For)
		defer stop()
	}
	d := &drainer{shelves: l.shelves, chunks: make(chan chunk, 1<<10), used: make(chan []byte, 2), detach: l.detach}
	read := make(chan error, 1)
	go func() { read <- d.run(ctx) }()
	w := &writer{live: l, decoder: newDecoder(l.arm, l.layout.tlb), order: order{size: l.shelves.slotSize}, twins: twins{noted: map[twinKey]bool{}}, slots: slots{layout: l.layout.tlb, inUse: l.slots()}, out: tape.NewWriter(o.Out, &meta),
		progress: o.Progress, started: time.Now()}
	asked := make(chan error, 1)
	go func() {
		err := l.snapshot()
		if err == nil && o.Started != nil {
			o.Started()
		}
		asked <- err
	}()
	err = w.writeAside(d, asked)
	if err != nil {
		// Nobody takes the chunks any more.
		stop()
		for range d.chunks {
		}
	}
	return Result{w.Progress, l.missing}, errors.Join(err, <-read, w.out.Close())
}
