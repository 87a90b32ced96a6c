package perffile

import "fmt"

// Bits of sample_type, in the order in which a sample carries the values.
const (
	sampleIP         = 1 << 0
	sampleTID        = 1 << 1
	sampleTime       = 1 << 2
	sampleAddr       = 1 << 3
	sampleRead       = 1 << 4
	sampleCallchain  = 1 << 5
	sampleID         = 1 << 6
	sampleCPU        = 1 << 7
	samplePeriod     = 1 << 8
	sampleStreamID   = 1 << 9
	sampleRaw        = 1 << 10
	sampleIdentifier = 1 << 16
)

// Bits of read_format.
const (
	readTimeEnabled = 1 << 0
	readTimeRunning = 1 << 1
	readID          = 1 << 2
	readGroup       = 1 << 3
	readLost        = 1 << 4
)

// TypeTracepoint is the perf_event_attr type whose config is a tracepoint's id.
const TypeTracepoint = 2

const (
	flagSampleIDAll = 1 << 18
	flagUseClockID  = 1 << 25
)

// minAttr is PERF_ATTR_SIZE_VER0.
const minAttr = 64

// Attr is one event that was recorded, with where its samples hold what.
type Attr struct {
	Type        uint32
	Config      uint64
	SampleType  uint64
	ReadFormat  uint64
	SampleIDAll bool
	UseClockID  bool
	ClockID     int32
	Name        string
	Index       int // in Attrs.List
	IDs         []uint64

	Sample  SampleLayout
	Trailer TrailerLayout
}

// SampleLayout gives offsets from the start of a sample record; -1 for what is not there.
type SampleLayout struct {
	ID, TID, Time, CPU int
	Fixed              int // where the parts of variable size begin
	read, chain, raw   bool
	readFormat         uint64
}

// TrailerLayout gives distances from the end of any other record; -1 for what is not there.
type TrailerLayout struct {
	ID, TID, Time, CPU int
	Size               int
}

// ParseAttr reads a perf_event_attr. It may be older or newer than the one we know.
func ParseAttr(b []byte) (*Attr, error) {
	if len(b) < minAttr {
		return nil, fmt.Errorf("event attribute of %d bytes, the smallest there ever was has %d", len(b), minAttr)
	}
	flags := le.Uint64(b[40:])
	a := &Attr{
		Type:        le.Uint32(b),
		Config:      le.Uint64(b[8:]),
		SampleType:  le.Uint64(b[24:]),
		ReadFormat:  le.Uint64(b[32:]),
		SampleIDAll: flags&flagSampleIDAll != 0,
		UseClockID:  flags&flagUseClockID != 0,
	}
	if a.UseClockID && len(b) >= 96 {
		a.ClockID = int32(le.Uint32(b[92:]))
	}
	a.Sample = sampleLayout(a.SampleType, a.ReadFormat)
	a.Trailer = trailerLayout(a)
	return a, nil
}

func sampleLayout(st, rf uint64) SampleLayout {
	l := SampleLayout{ID: -1, TID: -1, Time: -1, CPU: -1}
	pos := recordHeader
	for _, part := range []struct {
		bit uint64
		at  *int
	}{
		{sampleIdentifier, &l.ID}, {sampleIP, nil}, {sampleTID, &l.TID}, {sampleTime, &l.Time}, {sampleAddr, nil},
		{sampleID, &l.ID}, {sampleStreamID, nil}, {sampleCPU, &l.CPU}, {samplePeriod, nil},
	} {
		if st&part.bit == 0 {
			continue
		}
		if part.at != nil {
			*part.at = pos
		}
		pos += 8
	}
	l.Fixed = pos
	l.read, l.chain, l.raw = st&sampleRead != 0, st&sampleCallchain != 0, st&sampleRaw != 0
	l.readFormat = rf
	return l
}

func trailerLayout(a *Attr) TrailerLayout {
	l := TrailerLayout{ID: -1, TID: -1, Time: -1, CPU: -1}
	if !a.SampleIDAll {
		return l
	}
	for _, part := range []struct {
		bit uint64
		at  *int
	}{
		{sampleIdentifier, &l.ID}, {sampleCPU, &l.CPU}, {sampleStreamID, nil}, {sampleID, &l.ID},
		{sampleTime, &l.Time}, {sampleTID, &l.TID},
	} {
		if a.SampleType&part.bit == 0 {
			continue
		}
		l.Size += 8
		if part.at != nil {
			*part.at = l.Size
		}
	}
	return l
}

// Raw finds a tracepoint's own record inside a sample.
func (l *SampleLayout) Raw(rec []byte) ([]byte, bool) {
	if !l.raw {
		return nil, false
	}
	pos := l.Fixed
	if l.read || l.chain {
		var ok bool
		if pos, ok = l.skipVariable(rec, pos); !ok {
			return nil, false
		}
	}
	if pos+4 > len(rec) {
		return nil, false
	}
	size := int(le.Uint32(rec[pos:]))
	pos += 4
	if size > len(rec)-pos {
		return nil, false
	}
	return rec[pos : pos+size], true
}

// skipVariable steps over counter values and call chain.
func (l *SampleLayout) skipVariable(rec []byte, pos int) (int, bool) {
	if l.read {
		words, ok := readWords(l.readFormat, rec, pos)
		if !ok {
			return 0, false
		}
		pos += 8 * words
	}
	if l.chain {
		if pos+8 > len(rec) {
			return 0, false
		}
		n := le.Uint64(rec[pos:])
		if n > uint64(len(rec)/8) {
			return 0, false
		}
		pos += 8 + 8*int(n)
	}
	return pos, true
}

// readWords is the length of the counter values, in words.
func readWords(rf uint64, rec []byte, pos int) (int, bool) {
	values, each := 1, 1
	if rf&readID != 0 {
		each++
	}
	if rf&readLost != 0 {
		each++
	}
	times := 0
	if rf&readTimeEnabled != 0 {
		times++
	}
	if rf&readTimeRunning != 0 {
		times++
	}
	if rf&readGroup == 0 {
		return times + each, true
	}
	if pos+8 > len(rec) {
		return 0, false
	}
	n := le.Uint64(rec[pos:])
	if n > uint64(len(rec)/8) {
		return 0, false
	}
	values = int(n)
	return 1 + times + values*each, true
}
