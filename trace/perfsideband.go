package trace

import (
	"fmt"

	"switchyard/trace/internal/perffile"
)

// decodeSideband reads what the kernel, or perf on its behalf, tells about tasks. rec has no trailer any more.
// What perf calls pid is the process, and tid the thread: the kernel's tgid and pid.
func (p *perf) decodeSideband(t uint32, rec []byte, e *Event) bool {
	ok := true
	switch t {
	case perffile.RecordFork:
		ok = decodeTaskRecord(Fork, rec, e)
	case perffile.RecordExit:
		ok = decodeTaskRecord(Exit, rec, e)
	case perffile.RecordComm:
		e.Kind = Comm
		ok = sidebandTask(rec, e)
		e.Task.Comm = commName(commText(perffile.CommText(rec)))
		e.ByExec = perffile.RecordMisc(rec)&perffile.MiscCommExec != 0
	case perffile.RecordMmap, perffile.RecordMmap2:
		e.Kind = Mmap
		if ok = sidebandTask(rec, e); ok && e.Task.TGID == Unknown {
			p.lost.Ignored++ // the kernel's own text
			return false
		}
	case perffile.RecordLost, perffile.RecordLostSamples:
		ok = p.decodeLost(t, rec, e)
	default:
		if perffile.Known(t) {
			p.lost.Ignored++
		} else {
			p.lost.UnknownRecords++
		}
		return false
	}
	if !ok {
		p.lost.undecoded(e.Offset, "a record of type %d has %d bytes, too few", t, len(rec))
	}
	return ok
}

func sidebandTask(rec []byte, e *Event) (ok bool) {
	e.Task.TGID, e.Task.PID, ok = perffile.ParseIDs(rec)
	return ok
}

func decodeTaskRecord(kind Kind, rec []byte, e *Event) bool {
	e.Kind = kind
	t, ok := perffile.ParseTask(rec)
	e.Task.TGID, e.Task.PID = t.PID, t.TID
	e.Parent.TGID, e.Parent.PID = t.PPID, t.PTID
	return ok
}

func (p *perf) decodeLost(t uint32, rec []byte, e *Event) (ok bool) {
	e.Kind = Lost
	e.Count, ok = perffile.ParseLost(rec)
	if t == perffile.RecordLost {
		p.lost.Dropped += e.Count
	} else {
		p.lost.DroppedSamples += e.Count
	}
	return ok
}

// attrName is the name of an event for a message.
func attrName(a *perffile.Attr) string {
	if a.Name != "" {
		return a.Name
	}
	return fmt.Sprintf("type %d config %d", a.Type, a.Config)
}
