//go:build linux

package record

import (
	"slices"
	"testing"
	"unsafe"

	"switchyard/record/bpf"
)

func TestWhatBothProgramsSawIsTakenOnce(t *testing.T) {
	const fork, exit, sched = 2, 4, 1
	event := func(kind uint8, pid uint32) []byte {
		e := bpf.ObjectEvent{Kind: kind}
		e.Prev.Pid = pid
		return slices.Clone(unsafe.Slice((*byte)(unsafe.Pointer(&e)), rawSize))
	}
	w := twins{noted: map[twinKey]bool{}}
	for i, c := range []struct {
		kind uint8
		pid  uint32
		seen bool
	}{
		{fork, 7, false},
		{fork | again, 7, true},
		{sched, 7, false},
		{sched, 7, false},
		{fork | again, 8, false}, // the first program did not run
		{fork, 9, false},
		{exit, 9, false}, // another event of the same task
		{fork | again, 9, true},
		{exit | again, 9, true},
		{exit | again, 9, false},
	} {
		if got := w.seen(event(c.kind, c.pid)); got != c.seen {
			t.Errorf("event %d, kind %#x of %d: seen %v, want %v", i, c.kind, c.pid, got, c.seen)
		}
	}
	if w.rescued != 2 {
		t.Errorf("%d events are said to be seen by the second program alone, 2 were", w.rescued)
	}
}
