package trace

import (
	"bufio"
	"fmt"
	"io"
	"os"

	"switchyard/record/tape"
	"switchyard/trace/internal/damage"
	"switchyard/trace/internal/perffile"
	"switchyard/trace/internal/tracepoint"
)

// DamageError says where a recording stops making sense. Everything before was delivered.
type DamageError = damage.Error

// Reader gives the events of a recording.
type Reader struct {
	source source
	closer io.Closer
	err    error // what Next ended with
}

// source is a reader of one format.
type source interface {
	next(*Event) error
	meta() *Meta
	losses() *Losses
	close()
}

// Open opens the recording in a file. Its name does not matter: the contents say what it is.
func Open(path string, opts ...Option) (*Reader, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	r, err := openFile(f, opts)
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	r.closer = f
	return r, nil
}

func openFile(f *os.File, opts []Option) (*Reader, error) {
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return nil, fmt.Errorf("is a directory; perf record --threads makes those, and they cannot be read yet: record without --threads")
	case info.Mode().IsRegular():
		return NewReader(io.NewSectionReader(f, 0, info.Size()), opts...)
	}
	return NewReader(f, opts...)
}

// headSize is how much is looked at to find out the format: a header, or some lines of text.
const headSize = 4 << 10

// NewReader reads a recording from r. If r is an io.ReaderAt with a Size, like *bytes.Reader and
// *io.SectionReader, parts of it are read twice instead of being held in memory; a perf.data that
// is not in pipe mode needs that.
func NewReader(r io.Reader, opts ...Option) (*Reader, error) {
	in := stream{r: r}
	for _, set := range opts {
		set(&in.options)
	}
	if f, ok := r.(perffile.File); ok {
		in.at, in.size = f, f.Size()
		in.r = io.NewSectionReader(f, 0, in.size)
	}
	buffered := bufio.NewReaderSize(in.r, headSize)
	in.r = buffered
	// An error here is met again by whoever reads on.
	head, err := buffered.Peek(headSize)
	if len(head) == 0 {
		if err == io.EOF {
			return nil, fmt.Errorf("the recording is empty")
		}
		return nil, err
	}
	source, err := open(in, head)
	if err != nil {
		return nil, err
	}
	return &Reader{source: source}, nil
}

// stream is a recording as bytes: front to back, and if at is not nil anywhere.
type stream struct {
	r    io.Reader
	at   perffile.File
	size int64
	options
}

// open finds out which format it is.
func open(in stream, head []byte) (source, error) {
	if ours, complaint := perffile.Recognize(head); ours {
		if complaint != "" {
			return nil, fmt.Errorf("is a perf.data, but %s", complaint)
		}
		return openPerf(in, head)
	}
	if tape.Is(head) {
		return openRecorder(in)
	}
	if tracepoint.IsBlob(head) {
		return nil, fmt.Errorf("is a trace.dat of trace-cmd, which cannot be read yet: record with `perf sched record`")
	}
	if f := openFtrace(in, head); f != nil {
		return f, nil
	}
	return nil, unknownFormat(head)
}

func unknownFormat(head []byte) error {
	return fmt.Errorf("begins with %q, which is no recording that can be read; those are %s, %s, %s and %s",
		head[:min(len(head), 16)], RecorderFile, PerfFile, PerfPipe, FtraceText)
}

// Meta is what the recording says about itself.
func (r *Reader) Meta() *Meta { return r.source.meta() }

// Losses is what is missing from what was read so far.
func (r *Reader) Losses() *Losses { return r.source.losses() }

// Next fills in the next event. It returns io.EOF at the end, and a *DamageError instead if the
// recording is damaged there.
func (r *Reader) Next(e *Event) error {
	if r.err != nil {
		return r.err
	}
	r.err = r.source.next(e)
	return r.err
}

// Close ends the reading, and closes the file if Open opened it.
func (r *Reader) Close() error {
	r.source.close()
	if r.closer == nil {
		return nil
	}
	return r.closer.Close()
}
