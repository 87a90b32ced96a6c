package trace

import (
	"encoding/binary"
	"fmt"

	"switchyard/trace/internal/perffile"
)

var le = binary.LittleEndian

// control obeys a record that perf wrote for its reader.
func (p *perf) control(rec []byte) error {
	t := perffile.RecordType(rec)
	body := rec[8:]
	switch t {
	case perffile.RecordFinishedRound:
		p.round.finish()
	case perffile.RecordHeaderAttr:
		return p.controlAttr(body)
	case perffile.RecordTracingData:
		return p.controlTracingData(body)
	case perffile.RecordHeaderFeature:
		p.controlFeature(body)
	case perffile.RecordEventUpdate:
		p.controlEventUpdate(body)
	case perffile.RecordAuxtrace:
		return p.controlAuxtrace(body)
	case perffile.RecordCompressed, perffile.RecordCompressed2:
		return p.unpack(rec)
	default:
		if !perffile.Known(t) {
			p.lost.UnknownRecords++
		}
	}
	return nil
}

// controlAttr reads a perf_event_attr, which states its own size, and the ids behind it.
func (p *perf) controlAttr(body []byte) error {
	size := len(body)
	if len(body) >= 8 {
		size = min(size, int(le.Uint32(body[4:])))
	}
	a, err := perffile.ParseAttr(body[:size])
	if err != nil {
		return p.damage("%v", err)
	}
	a.IDs = perffile.ParseWords(body[size:])
	p.addAttr(a)
	return nil
}

func (p *perf) controlTracingData(body []byte) error {
	if len(body) < 4 {
		return p.damage("a record of tracing data does not say how much follows")
	}
	offset := p.in.Position()
	b, err := p.in.Payload(uint64(le.Uint32(body)), maxTracingData)
	if err != nil {
		return err
	}
	p.learnFormats(b, offset)
	return nil
}

func (p *perf) controlFeature(body []byte) {
	if len(body) >= 8 {
		p.feature(int(le.Uint64(body)), body[8:], p.in.Offset())
	}
}

// eventUpdateName is the EVENT_UPDATE that tells an event's name.
const eventUpdateName = 2

func (p *perf) controlEventUpdate(body []byte) {
	if len(body) < 16 || le.Uint64(body) != eventUpdateName {
		return
	}
	name := commText(body[16:])
	p.nameEvent(string(name), []uint64{le.Uint64(body[8:])})
}

func (p *perf) controlAuxtrace(body []byte) error {
	if len(body) < 8 {
		return p.damage("a record of hardware trace data does not say how much follows")
	}
	return p.in.Skip(le.Uint64(body))
}

// damage is an error at the record just read.
func (p *perf) damage(what string, args ...any) error {
	return &DamageError{Format: perffile.FormatName, Offset: p.in.Offset(), What: fmt.Sprintf(what, args...)}
}

// commText cuts a C string at its NUL.
func commText(b []byte) []byte {
	for i, c := range b {
		if c == 0 {
			return b[:i]
		}
	}
	return b
}
