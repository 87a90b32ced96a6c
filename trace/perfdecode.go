package trace

import (
	"switchyard/trace/internal/perffile"
)

// perfEvent is how the samples of one attribute are decoded.
type perfEvent struct {
	ready   bool
	decode  decoder
	problem string // why they cannot be
}

// event of an attribute. It is made when the first sample is met, because formats may come after attributes.
func (p *perf) event(a *perffile.Attr) *perfEvent {
	ev := &p.events[a.Index]
	if !ev.ready {
		*ev = p.newEvent(a)
	}
	return ev
}

func (p *perf) newEvent(a *perffile.Attr) perfEvent {
	if a.Type != perffile.TypeTracepoint {
		return perfEvent{ready: true}
	}
	f := p.formats[a.Config]
	if f == nil {
		return perfEvent{ready: true, problem: "the recording holds no format for its tracepoint, which the tracing directory of the same kernel could lend"}
	}
	d, err := newDecoder(f)
	if err != nil {
		return perfEvent{ready: true, problem: err.Error()}
	}
	return perfEvent{ready: true, decode: d}
}

// decode turns a record into an event, whose time and offset are already there. It says false if the record is none.
func (p *perf) decode(rec []byte, e *Event) bool {
	a := p.attrs.Of(rec)
	t := perffile.RecordType(rec)
	if a == nil && t == perffile.RecordSample {
		p.lost.undecoded(e.Offset, "a sample of an event that the recording does not describe")
		return false
	}
	if a != nil {
		st, ok := a.Stamp(rec)
		if !ok {
			p.lost.undecoded(e.Offset, "a record of %d bytes is shorter than its event's layout", len(rec))
			return false
		}
		e.CPU, e.Current.PID, e.Current.TGID = st.CPU, st.TID, st.PID
		if t != perffile.RecordSample {
			rec = rec[:len(rec)-a.Trailer.Size]
			e.Source = Sideband
			if st.Time == 0 {
				e.Source, e.CPU, e.Current = Synthesized, Unknown, nobody
			}
		}
	}
	if t == perffile.RecordSample {
		return p.decodeSample(a, rec, e)
	}
	return p.decodeSideband(t, rec, e)
}

func (p *perf) decodeSample(a *perffile.Attr, rec []byte, e *Event) bool {
	ev := p.event(a)
	if ev.decode == nil {
		if ev.problem != "" {
			p.lost.undecoded(e.Offset, "event %s: %s", attrName(a), ev.problem)
		} else {
			p.lost.Ignored++
		}
		return false
	}
	raw, ok := a.Sample.Raw(rec)
	if !ok || !ev.decode(raw, e) {
		p.lost.undecoded(e.Offset, "a sample of %s has %d bytes, too few for its format", attrName(a), len(rec))
		return false
	}
	return true
}
