//go:build linux

package record

import (
	"cmp"
	"slices"
	"unsafe"

	"switchyard/record/bpf"
)

// order brings the events of all CPUs into one row by their times.
type order struct {
	size int // of a slot
	held []timed
}

type timed struct {
	time int64
	slot []byte
}

// add takes the events of a chunk, and hands out all up to a time. What it keeps of the chunk it copies.
func (o *order) add(slots []byte, until int64, f func([]byte) error) error {
	for ; len(slots) >= o.size; slots = slots[o.size:] {
		e := (*bpf.ObjectEvent)(unsafe.Pointer(unsafe.SliceData(slots)))
		o.held = append(o.held, timed{int64(e.Time), slots[:o.size]})
	}
	// Those of one CPU stay as they are: they were written in that order.
	slices.SortStableFunc(o.held, func(a, b timed) int { return cmp.Compare(a.time, b.time) })
	n := 0
	for ; n < len(o.held) && o.held[n].time <= until; n++ {
		if err := f(o.held[n].slot); err != nil {
			return err
		}
	}
	o.held = slices.Delete(o.held, 0, n)
	for i := range o.held {
		o.held[i].slot = slices.Clone(o.held[i].slot)
	}
	return nil
}
