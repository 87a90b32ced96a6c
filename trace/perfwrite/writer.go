// Package perfwrite makes perf.data recordings that nobody recorded, for tests and benchmarks.
//
// They are as perf sched record writes them: tracepoint samples with their formats, records about
// tasks, rounds. They can be of any size, and wrong in any way that a caller asks for.
package perfwrite

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Options say what kind of recording to make. The zero value is a plain file of one CPU.
type Options struct {
	Pipe     bool // pipe mode: no seeking is needed
	Compress bool // records are compressed, as with perf record -z
	CPUs     int
	Release  string // of the kernel it pretends to be from; 6.18.0 if empty
	NoFormat bool   // leave out the tracepoints' formats
}

// Task is how a caller names one.
type Task struct {
	PID, TGID int32
	Comm      string
}

// Writer writes one recording.
type Writer struct {
	out     io.Writer
	seek    io.Seeker
	opts    Options
	rec     []byte // the record being made
	block   []byte // records not yet written
	zip     *zstd.Encoder
	zipped  []byte
	written int64
	err     error
}

// blockSize is how many bytes are written, or compressed, together.
const blockSize = 32 << 10

// New begins a recording. Without Options.Pipe, out must be an io.Seeker as well.
func New(out io.Writer, opts Options) (*Writer, error) {
	opts.CPUs = max(opts.CPUs, 1)
	if opts.Release == "" {
		opts.Release = "6.18.0"
	}
	w := &Writer{out: out, opts: opts, block: make([]byte, 0, 2*blockSize)}
	seeker, ok := out.(io.Seeker)
	if !opts.Pipe && !ok {
		return nil, fmt.Errorf("a perf.data in file mode has sizes in front that are known last: its output must be an io.Seeker")
	}
	w.seek = seeker
	if opts.Compress {
		w.zip, w.err = zstd.NewWriter((*sink)(w), zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
	}
	w.begin()
	return w, w.err
}

// sink receives what the compressor puts out.
type sink Writer

func (s *sink) Write(b []byte) (int, error) {
	s.zipped = append(s.zipped, b...)
	return len(b), nil
}

var le = binary.LittleEndian

// put writes bytes that are no records.
func (w *Writer) put(b []byte) {
	if w.err == nil {
		_, w.err = w.out.Write(b)
		w.written += int64(len(b))
	}
}

// Raw writes bytes among the records as they are.
func (w *Writer) Raw(b []byte) {
	w.block = append(w.block, b...)
	if len(w.block) >= blockSize {
		w.Flush()
	}
}

// Control writes a record of perf's own, which is never compressed.
func (w *Writer) Control(b []byte) {
	w.Flush()
	w.put(b)
}

// Flush writes what is waiting. Compressed, it becomes at least one record.
func (w *Writer) Flush() {
	if w.zip == nil {
		w.put(w.block)
		w.block = w.block[:0]
		return
	}
	if len(w.block) == 0 {
		return
	}
	w.pack(w.block)
	w.block = w.block[:0]
}

// maxPacked is the most a COMPRESSED record holds: its size has 16 bits.
const maxPacked = 1<<16 - 16

func (w *Writer) pack(b []byte) {
	if _, err := w.zip.Write(b); err != nil && w.err == nil {
		w.err = err
	}
	if err := w.zip.Flush(); err != nil && w.err == nil {
		w.err = err
	}
	for rest := w.zipped; len(rest) > 0; {
		n := min(len(rest), maxPacked)
		w.put(header(81, 0, 8+n))
		w.put(rest[:n])
		rest = rest[n:]
	}
	w.zipped = w.zipped[:0]
}

func header(kind uint32, misc uint16, size int) []byte {
	b := le.AppendUint32(nil, kind)
	b = le.AppendUint16(b, misc)
	return le.AppendUint16(b, uint16(size))
}

// FinishedRound says that every CPU's buffer has been written out once more.
func (w *Writer) FinishedRound() { w.Control(header(68, 0, 8)) }
