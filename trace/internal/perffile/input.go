package perffile

import (
	"errors"
	"fmt"
	"io"

	"switchyard/trace/internal/damage"
	"switchyard/trace/internal/merge"
)

// Input cuts a stream into records.
type Input struct {
	r      io.Reader
	pool   *merge.Pool
	chunk  *merge.Chunk // what has been read
	lo, hi int          // the unread part of it
	keep   bool         // chunks stay valid while somebody holds them
	offset int64        // of chunk.Data[lo]
	last   int          // size of the record given last
}

// NewInput reads records from r, whose first byte is at offset of the file. With keep, a chunk
// that has been handed out is not written again while it is held.
func NewInput(r io.Reader, offset int64, pool *merge.Pool, keep bool) *Input {
	return &Input{r: r, pool: pool, chunk: pool.Get(), keep: keep, offset: offset}
}

// Offset of the record given last.
func (in *Input) Offset() int64 { return in.offset - int64(in.last) }

// Position is where the next record will begin.
func (in *Input) Position() int64 { return in.offset }

// Chunk in which the record given last lies, and where.
func (in *Input) Chunk() (*merge.Chunk, int) { return in.chunk, in.lo - in.last }

// Buffered is how many bytes have been read but not given out.
func (in *Input) Buffered() int { return in.hi - in.lo }

// Next gives a whole record. It is io.EOF at the end, a *damage.Error for what cannot be a record
// and otherwise whatever the source said; after the last Next may be tried again.
func (in *Input) Next() ([]byte, error) {
	in.last = 0
	if in.hi-in.lo < recordHeader {
		if err := in.need(recordHeader); err != nil {
			return nil, err
		}
	}
	size := RecordSize(in.chunk.Data[in.lo:])
	if size < recordHeader {
		return nil, &damage.Error{Format: FormatName, Offset: in.offset,
			What: fmt.Sprintf("a record of type %d states a size of %d bytes, less than its header", RecordType(in.chunk.Data[in.lo:]), size)}
	}
	if in.hi-in.lo < size {
		if err := in.need(size); err != nil {
			return nil, err
		}
	}
	rec := in.chunk.Data[in.lo : in.lo+size : in.lo+size]
	in.lo += size
	in.offset += int64(size)
	in.last = size
	return rec, nil
}

// need makes n bytes available.
func (in *Input) need(n int) error {
	if len(in.chunk.Data)-in.lo < n {
		in.turn()
	}
	for in.hi-in.lo < n {
		got, err := in.r.Read(in.chunk.Data[in.hi:])
		in.hi += got
		if err != nil && in.hi-in.lo < n {
			return in.ended(n, err)
		}
	}
	return nil
}

// turn moves the rest to the start of a chunk that may be written.
func (in *Input) turn() {
	old := in.chunk
	if in.keep {
		in.chunk = in.pool.Get()
	}
	in.hi = copy(in.chunk.Data, old.Data[in.lo:in.hi])
	in.lo = 0
	if in.keep {
		in.pool.Rest(old)
		in.pool.Release(old)
	}
}

func (in *Input) ended(n int, err error) error {
	if !errors.Is(err, io.EOF) || in.hi == in.lo {
		return err
	}
	return &damage.Error{Format: FormatName, Offset: in.offset,
		What:   fmt.Sprintf("the recording ends inside a record: %d bytes are there, %d are needed", in.hi-in.lo, n),
		Advice: "the recorder was probably killed or the disk was full"}
}

// Payload reads n bytes that follow a record without being part of one.
func (in *Input) Payload(n, limit uint64) ([]byte, error) {
	if n > limit {
		return nil, &damage.Error{Format: FormatName, Offset: in.Offset(),
			What: fmt.Sprintf("%d bytes of tracing data are announced, more than the %d this reader accepts", n, limit)}
	}
	var b []byte
	for uint64(len(b)) < n {
		part, err := in.some(n - uint64(len(b)))
		if err != nil {
			return b, err
		}
		b = append(b, part...)
	}
	return b, nil
}

// Skip passes over n bytes that follow a record without being part of one.
func (in *Input) Skip(n uint64) error {
	for n > 0 {
		part, err := in.some(n)
		if err != nil {
			return err
		}
		n -= uint64(len(part))
	}
	return nil
}

// some gives between 1 and n bytes.
func (in *Input) some(n uint64) ([]byte, error) {
	if in.hi == in.lo {
		if err := in.need(1); err != nil {
			return nil, in.cut(n, err)
		}
	}
	size := int(min(n, uint64(in.hi-in.lo)))
	b := in.chunk.Data[in.lo : in.lo+size]
	in.lo += size
	in.offset += int64(size)
	in.last = 0
	return b, nil
}

func (in *Input) cut(n uint64, err error) error {
	if !errors.Is(err, io.EOF) {
		return err
	}
	return &damage.Error{Format: FormatName, Offset: in.offset,
		What: fmt.Sprintf("the recording ends where %d bytes more were announced", n)}
}
