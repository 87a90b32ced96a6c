package perfwrite

import (
	"io"
)

// What every recording has: one attribute for each tracepoint, one id for each of those on each CPU.
const (
	attrSize    = 128
	headerSize  = 104
	firstID     = 12
	sampleType  = 1<<0 | 1<<1 | 1<<2 | 1<<7 | 1<<8 | 1<<10 | 1<<16 // IP TID TIME CPU PERIOD RAW IDENTIFIER
	sampleIDAll = 1 << 18
)

// id of an event on a CPU.
func (w *Writer) id(event, cpu int) uint64 { return uint64(firstID + event*w.opts.CPUs + cpu) }

func (w *Writer) ids(event int) []byte {
	var b []byte
	for cpu := range w.opts.CPUs {
		b = le.AppendUint64(b, w.id(event, cpu))
	}
	return b
}

func attr(e *event) []byte {
	b := make([]byte, attrSize)
	le.PutUint32(b[0:], 2)
	le.PutUint32(b[4:], attrSize)
	le.PutUint64(b[8:], uint64(e.id))
	le.PutUint64(b[16:], 1)
	le.PutUint64(b[24:], sampleType)
	le.PutUint64(b[40:], sampleIDAll)
	return b
}

func (w *Writer) begin() {
	if w.opts.Pipe {
		w.beginPipe()
		return
	}
	w.put(make([]byte, headerSize))
	for i := range events {
		w.put(w.ids(i))
	}
	idsAt, idsSize := uint64(headerSize), uint64(8*w.opts.CPUs)
	for i := range events {
		w.put(attr(&events[i]))
		w.put(pair(idsAt+uint64(i)*idsSize, idsSize))
	}
}

// dataStart is where the records of a file begin.
func (w *Writer) dataStart() int64 {
	return int64(headerSize + len(events)*(8*w.opts.CPUs+attrSize+16))
}

func (w *Writer) beginPipe() {
	w.put([]byte("PERFILE2"))
	w.put(le.AppendUint64(nil, 16))
	for i := range events {
		ids := w.ids(i)
		w.put(header(64, 0, 8+attrSize+len(ids)))
		w.put(attr(&events[i]))
		w.put(ids)
	}
	for _, f := range w.features() {
		w.put(header(80, 0, 16+len(f.data)))
		w.put(le.AppendUint64(nil, uint64(f.number)))
		w.put(f.data)
	}
	if !w.opts.NoFormat {
		data := pad(tracingData())
		w.put(header(66, 0, 12))
		w.put(le.AppendUint32(nil, uint32(len(data))))
		w.put(data)
	}
}

// pad makes the length a multiple of eight.
func pad(b []byte) []byte { return append(b, make([]byte, -len(b)&7)...) }

func pair(a, b uint64) []byte { return le.AppendUint64(le.AppendUint64(nil, a), b) }

type feature struct {
	number int
	data   []byte
}

// features are those besides the formats.
func (w *Writer) features() []feature {
	cpus := uint32(w.opts.CPUs)
	return []feature{
		{4, text(w.opts.Release)},
		{5, text("perfwrite")},
		{6, text("x86_64")},
		{7, le.AppendUint32(le.AppendUint32(nil, cpus), cpus)},
		{11, append(le.AppendUint32(nil, 1), text("perfwrite")...)},
	}
}

// text is a counted string, padded like perf's.
func text(s string) []byte {
	b := append([]byte(s), make([]byte, 64-len(s)%64)...)
	return append(le.AppendUint32(nil, uint32(len(b))), b...)
}

// Close ends the recording; it does not close the output.
func (w *Writer) Close() error {
	w.Flush()
	if w.opts.Pipe {
		return w.err
	}
	end := w.written
	features := w.features()
	if !w.opts.NoFormat {
		features = append([]feature{{1, tracingData()}}, features...)
	}
	w.putFeatures(features)
	w.putHeader(uint64(end-w.dataStart()), features)
	return w.err
}

func (w *Writer) putFeatures(features []feature) {
	at := uint64(w.written) + uint64(16*len(features))
	for _, f := range features {
		w.put(pair(at, uint64(len(f.data))))
		at += uint64(len(f.data))
	}
	for _, f := range features {
		w.put(f.data)
	}
}

func (w *Writer) putHeader(dataSize uint64, features []feature) {
	if w.err != nil {
		return
	}
	if _, w.err = w.seek.Seek(0, io.SeekStart); w.err != nil {
		return
	}
	idBytes := uint64(len(events) * 8 * w.opts.CPUs)
	b := append([]byte("PERFILE2"), pair(headerSize, attrSize+16)...)
	b = append(b, pair(headerSize+idBytes, uint64(len(events)*(attrSize+16)))...)
	b = append(b, pair(uint64(w.dataStart()), dataSize)...)
	b = append(b, pair(0, 0)...)
	b = append(b, make([]byte, 32)...)
	for _, f := range features {
		b[72+f.number/8] |= 1 << (f.number % 8)
	}
	w.put(b)
	if w.err == nil {
		_, w.err = w.seek.Seek(0, io.SeekEnd)
	}
}
