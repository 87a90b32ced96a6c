package trace

import (
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/klauspost/compress/zstd"

	"switchyard/trace/internal/perffile"
)

// maxWindow is how far back compressed data may refer, all of which is kept in memory. Only
// `perf record -z` with levels above 20 needs more.
const maxWindow = 32 << 20

// errDry says that all compressed data there is has been unpacked.
var errDry = errors.New("more compressed data is needed")

// inflater unpacks the one zstd stream that perf spreads over all its COMPRESSED records. The stream
// is flushed at the end of each record but never ended, so the decoder runs as a coroutine that stops
// where it wants input.
type inflater struct {
	input  []byte // compressed, not yet read by the decoder
	block  []byte // unpacked, not yet read from us; the decoder's memory
	resume func() (struct{}, bool)
	stop   func()
	yield  func(struct{}) bool
	err    error // what the decoder ended with
}

func newInflater() *inflater {
	z := new(inflater)
	z.resume, z.stop = iter.Pull(z.run)
	return z
}

// run is the coroutine: it yields with a block, or without one when it is dry.
func (z *inflater) run(yield func(struct{}) bool) {
	z.yield = yield
	d, err := zstd.NewReader((*inflaterInput)(z), zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
	if err != nil {
		z.err = err
		return
	}
	defer d.Close()
	_, z.err = d.WriteTo((*inflaterOutput)(z))
}

// Read gives unpacked bytes, and errDry if there are none for now.
func (z *inflater) Read(p []byte) (int, error) {
	if len(z.block) == 0 {
		if _, more := z.resume(); !more {
			if z.err == nil {
				z.err = io.ErrUnexpectedEOF
			}
			return 0, z.err
		}
		if len(z.block) == 0 {
			return 0, errDry
		}
	}
	n := copy(p, z.block)
	z.block = z.block[n:]
	return n, nil
}

// inflaterInput is the side of an inflater that its decoder reads.
type inflaterInput inflater

func (in *inflaterInput) Read(p []byte) (int, error) {
	for len(in.input) == 0 {
		if !in.yield(struct{}{}) {
			return 0, io.EOF
		}
	}
	n := copy(p, in.input)
	in.input = in.input[n:]
	return n, nil
}

// inflaterOutput is the side of an inflater that its decoder writes.
type inflaterOutput inflater

func (out *inflaterOutput) Write(b []byte) (int, error) {
	out.block = b
	for len(out.block) > 0 {
		if !out.yield(struct{}{}) {
			return 0, io.ErrClosedPipe
		}
	}
	return len(b), nil
}

// unpack hands a compressed record to the inflater. Its contents are scanned like other records.
func (p *perf) unpack(rec []byte) error {
	body := rec[8:]
	if perffile.RecordType(rec) == perffile.RecordCompressed2 {
		if len(body) < 8 || le.Uint64(body) > uint64(len(body)-8) {
			return p.damage("a compressed record of %d bytes states more data than it has", len(rec))
		}
		body = body[8 : 8+le.Uint64(body)]
	}
	if p.inflater == nil {
		p.inflater = newInflater()
		p.packed = perffile.NewInput(p.inflater, 0, &p.pool, true)
	}
	p.inflater.input = body
	p.packedAt = p.in.Offset()
	p.unpacking = true
	return nil
}

// scanPacked takes in one record from inside the compressed one.
func (p *perf) scanPacked() error {
	rec, err := p.packed.Next()
	switch {
	case errors.Is(err, errDry):
		p.unpacking = false
		return nil
	case err != nil:
		return p.damagePacked(err)
	case perffile.FromTool(rec):
		p.runs.close()
		return p.controlPacked(rec)
	}
	chunk, at := p.packed.Chunk()
	p.take(rec, p.packedAt, chunk, at, true)
	return nil
}

// controlPacked obeys what little perf may write into compressed data.
func (p *perf) controlPacked(rec []byte) error {
	switch t := perffile.RecordType(rec); t {
	case perffile.RecordFinishedRound:
		p.round.finish()
	case perffile.RecordHeaderAttr, perffile.RecordTracingData, perffile.RecordAuxtrace, perffile.RecordCompressed, perffile.RecordCompressed2:
		return p.damagePacked(fmt.Errorf("it holds a record of type %d, which is never compressed", t))
	}
	return nil
}

func (p *perf) damagePacked(err error) error {
	var inner *DamageError
	if errors.As(err, &inner) {
		err = errors.New(inner.What)
	}
	return &DamageError{Format: perffile.FormatName, Offset: p.packedAt, What: "a compressed record cannot be unpacked", Err: err}
}
