package tape

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
)

// CutError says that a file ends in the middle of a batch, as one does whose recorder was killed, or makes no sense
// from there on. Every event before was delivered.
type CutError struct {
	Batch int // the first that is not whole, from 0
	Err   error
}

func (e *CutError) Error() string {
	return fmt.Sprintf("the recording ends in its batch %d (%v)", e.Batch, e.Err)
}

func (e *CutError) Unwrap() error { return e.Err }

// Is tells whether a file that begins with head is an Arrow stream, of whomever.
func Is(head []byte) bool {
	return len(head) >= 8 && binary.LittleEndian.Uint32(head) == 0xffffffff && binary.LittleEndian.Uint32(head[4:]) < 1<<20
}

// Reader reads a recording.
type Reader struct {
	in      *ipc.Reader
	meta    Meta
	batch   int
	rows    int
	at      int
	kind    []byte
	kinds   Kind // how many the file knows
	columns [][]byte
	comms   *array.String
	err     error
}

// NewReader opens a recording.
func NewReader(r io.Reader) (t *Reader, err error) {
	defer refuse(&err)
	if r, err = checkSchema(r); err != nil {
		return nil, fmt.Errorf("is no recording of `switchyard record`: %w", err)
	}
	in, err := ipc.NewReader(r, ipc.WithAllocator(&limited{left: maxBatchMemory}))
	if err != nil {
		return nil, fmt.Errorf("is no recording of `switchyard record`: %w", err)
	}
	t = &Reader{in: in, columns: make([][]byte, len(numbers))}
	if t.meta, err = parseMeta(in.Schema().Metadata()); err != nil {
		return nil, err
	}
	if err := fits(in.Schema()); err != nil {
		return nil, fmt.Errorf("has columns that this version does not read: %w", err)
	}
	return t, nil
}

// refuse makes an error of what the Arrow library gives up on with a panic.
func refuse(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("damaged: %v", p)
	}
}

// Meta is what the recording says about itself.
func (t *Reader) Meta() *Meta { return &t.meta }

// Batch is the number of the batch that the last event was in.
func (t *Reader) Batch() int { return t.batch - 1 }

// Next fills in the next event: io.EOF at the end, a *CutError where the file is cut off or damaged.
func (t *Reader) Next(e *Event) error {
	for t.at == t.rows {
		if t.err == nil {
			t.err = t.load()
		}
		if t.err != nil {
			return t.err
		}
	}
	return t.row(e)
}

func (t *Reader) row(e *Event) error {
	i := t.at
	t.at++
	if e.Kind = Kind(t.kind[i]); e.Kind >= t.kinds {
		t.err, t.rows, t.at = &CutError{t.batch - 1, fmt.Errorf("an event of unknown kind %d", e.Kind)}, 0, 0
		return t.err
	}
	for j := range numbers {
		numbers[j].read(t.columns[j], i, e)
	}
	e.Comm = ""
	if t.comms.ValueLen(i) > 0 {
		e.Comm = strings.Clone(t.comms.Value(i))
	}
	return nil
}

// read gives an event the number in row i of a column.
func (n *number) read(c []byte, i int, e *Event) {
	switch width := n.kind.Bytes(); {
	case n.set != nil:
		v := uint64(0)
		for b, digit := range c[i*width:][:width] {
			v |= uint64(digit) << (8 * b)
		}
		n.set(e, v)
	case width == 1:
		*in[uint8](e, n) = c[i]
	case width == 2:
		*in[uint16](e, n) = binary.LittleEndian.Uint16(c[2*i:])
	case width == 4:
		*in[uint32](e, n) = binary.LittleEndian.Uint32(c[4*i:])
	default:
		*in[uint64](e, n) = binary.LittleEndian.Uint64(c[8*i:])
	}
}

// load reads a batch.
func (t *Reader) load() (err error) {
	defer func() {
		// Only the end mark gives io.EOF as it is.
		if err != nil && err != io.EOF {
			err = &CutError{t.batch, err}
		}
	}()
	defer refuse(&err)
	batch, err := t.in.Read()
	if err != nil {
		return err
	}
	t.batch++
	t.at, t.rows = 0, 0
	rows := int(batch.NumRows())
	if rows < 0 || rows > 1<<24 {
		return fmt.Errorf("a batch of %d rows", rows)
	}
	if err := t.take(batch, rows); err != nil {
		return err
	}
	t.rows = rows
	return nil
}

// take keeps the columns of a batch, if each holds what it says it does. The batch is the reader's until the next one.
func (t *Reader) take(batch arrow.RecordBatch, rows int) error {
	bytesOf := func(a arrow.Array, width int) ([]byte, error) {
		d := a.Data()
		if a.NullN() != 0 || len(d.Buffers()) < 2 || d.Buffers()[1] == nil && rows > 0 {
			return nil, errors.New("a column with nulls or without values")
		}
		if rows == 0 {
			return nil, nil
		}
		b := d.Buffers()[1].Bytes()
		from, to := d.Offset()*width, (d.Offset()+rows)*width
		if a.Len() != rows || from < 0 || to > len(b) {
			return nil, fmt.Errorf("a column of %d bytes for %d rows", len(b), rows)
		}
		return b[from:to], nil
	}
	kind, ok := batch.Column(0).(*array.Dictionary)
	if !ok {
		return errors.New("the kinds are no dictionary")
	}
	var err error
	if t.kinds, err = knownKinds(kind.Dictionary()); err != nil {
		return err
	}
	if t.kind, err = bytesOf(kind.Indices(), 1); err != nil {
		return err
	}
	for i, n := range numbers {
		if t.columns[i], err = bytesOf(batch.Column(1+i), n.kind.Bytes()); err != nil {
			return fmt.Errorf("%s: %w", n.name, err)
		}
	}
	comms, ok := batch.Column(1 + len(numbers)).(*array.String)
	if !ok || comms.Len() != rows {
		return errors.New("the names do not fit the rows")
	}
	t.comms = comms
	return ordered(comms)
}

// ordered checks the names' offsets, which the library follows as they are.
func ordered(s *array.String) error {
	if s.Len() == 0 {
		return nil
	}
	offsets := s.ValueOffsets()
	if len(offsets) != s.Len()+1 || !slices.IsSorted(offsets) || offsets[0] < 0 || int(offsets[s.Len()]-offsets[0]) > len(s.ValueBytes()) {
		return errors.New("the names' offsets are out of order")
	}
	return nil
}

// knownKinds is how many kinds a file has. One that was written before there were all of them has the first ones.
func knownKinds(a arrow.Array) (Kind, error) {
	s, ok := a.(*array.String)
	if !ok || s.Len() < int(firstKinds) || s.Len() > int(kinds) {
		return 0, errors.New("the dictionary of kinds is not the one of this format")
	}
	for i := range s.Len() {
		if s.Value(i) != kindNames[i] {
			return 0, fmt.Errorf("the dictionary of kinds has %q in the place of %q", s.Value(i), kindNames[i])
		}
	}
	return Kind(s.Len()), nil
}
