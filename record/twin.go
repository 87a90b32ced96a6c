//go:build linux

package record

import (
	"unsafe"

	"switchyard/record/bpf"
	"switchyard/record/tape"
)

// twins leaves out what the second program on a tracepoint saw when the first one did too.
type twins struct {
	noted   map[twinKey]bool // by the first, and not yet by the second
	rescued uint64           // that only the second saw
}

// twinKey is what tells an event from others that are on their way at the same time.
type twinKey struct {
	kind       uint8
	prev, next uint32
	mm         uint64
}

// seen tells whether an event is one that the first program noted. Both run on one task, one after the other.
func (t *twins) seen(raw []byte) bool {
	e := (*bpf.ObjectEvent)(unsafe.Pointer(unsafe.SliceData(raw)))
	first := e.Kind&again == 0
	kind := e.Kind &^ again
	if first && (int(kind) >= len(rawKinds) || !hasTwin[kind]) {
		return false
	}
	k := twinKey{kind, e.Prev.Pid, e.Next.Pid, e.User.Mm}
	if first {
		t.noted[k] = true
		return false
	}
	if t.noted[k] {
		delete(t.noted, k)
		return true
	}
	t.rescued++
	return false
}

// hasTwin tells of which kinds there are two programs.
var hasTwin = func() (has [len(rawKinds)]bool) {
	for raw, kind := range rawKinds {
		switch kind {
		case tape.Fork, tape.Exec, tape.Exit, tape.Free, tape.PrepareExec, tape.ExitMmap, tape.Rename:
			has[raw] = true
		}
	}
	return has
}()
