package trace

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
	"strings"

	"switchyard/trace/internal/merge"
	"switchyard/trace/internal/perffile"
	"switchyard/trace/internal/tracepoint"
)

// perf reads perf.data. It scans ahead until what it found can be ordered, and then gives it out
// before it scans on.
type perf struct {
	about   Meta
	lost    Losses
	attrs   perffile.Attrs
	formats map[uint64]*tracepoint.Format // by tracepoint id
	events  []perfEvent                   // by attribute

	in        *perffile.Input
	dataEnd   int64 // where the header says the records end; 0 if it does not
	inflater  *inflater
	packed    *perffile.Input // the records inside compressed ones
	packedAt  int64           // offset of the compressed record being unpacked
	unpacking bool            // there is more in it

	runs  runBuilder
	queue merge.Queue
	pool  merge.Pool
	round round
	ended error // why scanning stopped

	given uint64 // time of the event given last
}

// round implements what FINISHED_ROUND promises. perf writes out the CPUs' buffers one after
// another and calls that a round. When a round is finished, nothing can follow that is older
// than the youngest record of the round before it.
type round struct {
	limit    uint64 // what is not younger can be given out
	youngest uint64 // so far
	previous uint64 // of the rounds before this one
}

func (r *round) finish() {
	r.limit = r.previous
	r.previous = r.youngest
}

// What may be waiting for its round to end: bytes if they cannot be read again, else only where they are.
const (
	maxPendingBytes = 32 << 20
	maxPendingRuns  = 1 << 17
)

// maxTracingData is far above the 2 MB of a kernel's complete formats.
const maxTracingData = 64 << 20

func openPerf(s stream, head []byte) (source, error) {
	h, err := perffile.ParseHeader(head)
	if err != nil {
		return nil, err
	}
	p := &perf{formats: map[uint64]*tracepoint.Format{}}
	p.queue = merge.Queue{Time: p.attrs.Time, Pool: &p.pool}
	if s.at != nil {
		p.queue.At = s.at
	}
	p.runs = runBuilder{queue: &p.queue}
	p.about = Meta{Format: PerfFile, Tool: "perf", Clock: "perf (local_clock)"}
	begin := p.openFile
	if h.Pipe {
		begin = p.openPipe
	}
	if err := begin(s, h); err != nil {
		return nil, err
	}
	if err := p.borrowFormats(s.tracing); err != nil {
		return nil, err
	}
	p.nameTracepoints()
	return p, nil
}

// nameTracepoints names the events that the recording describes by number only.
func (p *perf) nameTracepoints() {
	for _, a := range p.attrs.List {
		f := p.formats[a.Config]
		if a.Name != "" || a.Type != perffile.TypeTracepoint || f == nil {
			continue
		}
		a.Name = f.System + ":" + f.Name
		p.about.Events = append(p.about.Events, a.Name)
	}
}

// borrowFormats takes what is lent if the recording has nothing of its own.
func (p *perf) borrowFormats(tracing fs.FS) (err error) {
	if tracing == nil || len(p.formats) > 0 {
		return nil
	}
	p.about.Lent = true
	p.formats, err = lentFormats(tracing)
	return err
}

// openPipe reads up to the first record of the kernel: attributes, formats and features come before it.
func (p *perf) openPipe(s stream, _ *perffile.Header) error {
	p.about.Format = PerfPipe
	if _, err := io.CopyN(io.Discard, s.r, perffile.PipeHeaderSize); err != nil {
		return err
	}
	p.in = perffile.NewInput(s.r, perffile.PipeHeaderSize, &p.pool, s.at == nil)
	for p.ended == nil && p.queue.Len() == 0 && !p.runs.open() {
		p.scanRecord()
	}
	return nil
}

func (p *perf) meta() *Meta     { return &p.about }
func (p *perf) losses() *Losses { return &p.lost }

func (p *perf) next(e *Event) error {
	for {
		rec, offset, when, err := p.queue.Next(p.round.limit)
		switch {
		case err != nil:
			// A run is gone, and how many events it had is not known.
			p.end(&DamageError{Format: perffile.FormatName, Offset: offset, What: "records found here could not be read again", Err: err})
		case rec != nil:
			*e = blank
			e.Time, e.Offset = when, offset
			if p.decode(rec, e) {
				p.note(e)
				return nil
			}
		case p.ended == nil:
			p.scan()
		case p.queue.Len() > 0:
			p.round.limit = math.MaxUint64
		default:
			return p.ended
		}
	}
}

// note keeps account of the order.
func (p *perf) note(e *Event) {
	if e.Time < p.given {
		p.lost.Disordered++
	}
	p.given = max(p.given, e.Time)
}

// scan reads records until some of them can be given out.
func (p *perf) scan() {
	for p.ended == nil && (p.queue.Len() == 0 || p.queue.Oldest() > p.round.limit) {
		p.scanRecord()
		p.relieve()
	}
	p.runs.close()
}

// relieve gives out the older half of what is pending, in time, when it has become too much. Records
// that come later and are older are then out of order, which is counted.
func (p *perf) relieve() {
	if p.queue.Len() < maxPendingRuns && p.pool.Held() < maxPendingBytes {
		return
	}
	p.runs.close()
	if oldest := p.queue.Oldest(); p.queue.Len() > 0 {
		p.round.limit = max(p.round.limit, oldest+(p.round.youngest-min(oldest, p.round.youngest))/2)
	}
}

// scanRecord takes in one record.
func (p *perf) scanRecord() {
	if p.unpacking {
		if err := p.scanPacked(); err != nil {
			p.end(err)
		}
		return
	}
	rec, err := p.in.Next()
	if err != nil {
		p.end(err)
		return
	}
	if !perffile.FromTool(rec) {
		chunk, at := p.in.Chunk()
		p.take(rec, p.in.Offset(), chunk, at, false)
		return
	}
	p.runs.close()
	if err := p.control(rec); err != nil {
		p.end(err)
	}
}

// take puts a record of the kernel in line.
func (p *perf) take(rec []byte, offset int64, chunk *merge.Chunk, at int, still bool) {
	when := p.attrs.Time(rec)
	if when == 0 {
		when = p.runs.last // it belongs where it was written
	}
	p.round.youngest = max(p.round.youngest, when)
	if p.queue.At != nil && !still {
		chunk = nil
	}
	p.runs.add(rec, when, offset, chunk, at, still)
}

// end closes what is open when no record can follow.
func (p *perf) end(err error) {
	p.runs.close()
	p.ended = err
	if errors.Is(err, io.EOF) {
		p.ended = p.checkEnd()
	}
	p.close()
}

func (p *perf) close() {
	if p.inflater != nil {
		p.inflater.stop()
	}
}

// checkEnd tells a complete recording from one that was cut where a record ended.
func (p *perf) checkEnd() error {
	at := p.in.Position()
	switch {
	case at < p.dataEnd:
		return &DamageError{Format: perffile.FormatName, Offset: at,
			What: fmt.Sprintf("the file ends %d bytes before its header says that its records do", p.dataEnd-at)}
	case p.packed != nil && p.packed.Buffered() > 0:
		return &DamageError{Format: perffile.FormatName, Offset: p.packedAt,
			What: fmt.Sprintf("the compressed records end inside a record, %d bytes of which are there", p.packed.Buffered())}
	}
	return io.EOF
}

// learnFormats takes in the recording's tracing data.
func (p *perf) learnFormats(b []byte, offset int64) {
	blob, err := tracepoint.ParseBlob(b)
	if err != nil {
		p.lost.FormatProblems = append(p.lost.FormatProblems, fmt.Sprintf("byte %d: %v", offset, err))
	}
	for _, err := range blob.Skipped {
		p.lost.FormatProblems = append(p.lost.FormatProblems, err.Error())
	}
	for _, f := range blob.Formats {
		p.formats[f.ID] = f
	}
}

// addAttr makes an event known.
func (p *perf) addAttr(a *perffile.Attr) {
	p.attrs.Add(a)
	p.events = append(p.events, perfEvent{})
	if a.UseClockID {
		p.about.Clock = clockName(a.ClockID)
	}
}

var clockNames = map[int32]string{
	0: "CLOCK_REALTIME", 1: "CLOCK_MONOTONIC", 4: "CLOCK_MONOTONIC_RAW", 7: "CLOCK_BOOTTIME", 11: "CLOCK_TAI",
}

func clockName(id int32) string {
	if name := clockNames[id]; name != "" {
		return name
	}
	return fmt.Sprintf("clock %d", id)
}

// feature takes in one feature, of file or pipe.
func (p *perf) feature(number int, b []byte, offset int64) {
	switch number {
	case perffile.FeatureTracingData:
		p.learnFormats(b, offset)
	case perffile.FeatureOSRelease:
		p.about.Release = perffile.FeatureString(b)
	case perffile.FeatureVersion:
		p.about.Tool = "perf " + perffile.FeatureString(b)
	case perffile.FeatureArch:
		p.about.Arch = perffile.FeatureString(b)
	case perffile.FeatureNRCPUs:
		p.about.CPUs, p.about.Online = perffile.FeatureCPUs(b)
	case perffile.FeatureCmdline:
		p.about.Command = strings.Join(perffile.FeatureStrings(b), " ")
	case perffile.FeatureEventDesc:
		perffile.EventNames(b, p.nameEvent)
	}
}

func (p *perf) nameEvent(name string, ids []uint64) {
	if !slices.Contains(p.about.Events, name) {
		p.about.Events = append(p.about.Events, name)
	}
	for _, id := range ids {
		if a := p.attrs.OfID(id); a != nil {
			a.Name = name
		}
	}
}
