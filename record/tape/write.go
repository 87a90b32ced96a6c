package tape

import (
	"encoding/binary"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

// BatchRows is how many events a batch holds: what a killed recorder loses at most.
const BatchRows = 1 << 16

// Writer writes a recording. Nothing of a batch is in the file before it is full or flushed.
type Writer struct {
	out     *ipc.Writer
	schema  *arrow.Schema
	kinds   arrow.Array
	waiting []Event // rows that no column has yet
	kind    []byte
	columns [][]byte
	ends    []byte // where each comm ends, 4 bytes each, after a zero
	comms   []byte
}

// NewWriter begins a recording.
func NewWriter(w io.Writer, m *Meta) *Writer {
	return newWriter(w, m, &recycler{Allocator: memory.DefaultAllocator})
}

func newWriter(w io.Writer, m *Meta, mem memory.Allocator) *Writer {
	s := schema(m)
	t := &Writer{
		out:    ipc.NewWriter(w, ipc.WithSchema(s), ipc.WithZstd(), ipc.WithAllocator(mem)),
		schema: s, kinds: kindDictionary(mem), columns: make([][]byte, len(numbers)),
		waiting: make([]Event, 0, spreadRows), kind: make([]byte, 0, BatchRows), ends: make([]byte, 4, 4*(BatchRows+1)),
	}
	for i, n := range numbers {
		t.columns[i] = make([]byte, 0, BatchRows*n.kind.Bytes())
	}
	return t
}

// clear begins a batch in the memory of the last one, which is in the file.
func (t *Writer) clear() {
	t.kind, t.comms, t.ends = t.kind[:0], t.comms[:0], t.ends[:4]
	for i := range t.columns {
		t.columns[i] = t.columns[i][:0]
	}
}

// spreadRows are spread over the columns at once: so many that what a column needs is set up seldom, and so few that they
// stay in a cache meanwhile. A batch has a multiple of them.
const spreadRows = 64

// Write adds an event.
func (t *Writer) Write(e *Event) error {
	if t.waiting = append(t.waiting, *e); len(t.waiting) < spreadRows {
		return nil
	}
	if t.spread(); len(t.kind) == BatchRows {
		return t.Flush()
	}
	return nil
}

// spread gives the columns what waits.
func (t *Writer) spread() {
	for i := range t.waiting {
		e := &t.waiting[i]
		t.kind = append(t.kind, byte(e.Kind))
		t.comms = append(t.comms, e.Comm...)
		t.ends = binary.LittleEndian.AppendUint32(t.ends, uint32(len(t.comms)))
	}
	for i := range numbers {
		t.columns[i] = numbers[i].spread(t.columns[i], t.waiting)
	}
	t.waiting = t.waiting[:0]
}

// spread appends a column's numbers of some events.
func (n *number) spread(c []byte, events []Event) []byte {
	switch width := n.kind.Bytes(); {
	case n.get != nil:
		for i := range events {
			v := n.get(&events[i])
			for b := range width {
				c = append(c, byte(v>>(8*b)))
			}
		}
	case width == 1:
		for i := range events {
			c = append(c, *in[uint8](&events[i], n))
		}
	case width == 2:
		for i := range events {
			c = binary.LittleEndian.AppendUint16(c, *in[uint16](&events[i], n))
		}
	case width == 4:
		for i := range events {
			c = binary.LittleEndian.AppendUint32(c, *in[uint32](&events[i], n))
		}
	default:
		for i := range events {
			c = binary.LittleEndian.AppendUint64(c, *in[uint64](&events[i], n))
		}
	}
	return c
}

// Flush puts what was written into the file.
func (t *Writer) Flush() error {
	t.spread()
	rows := len(t.kind)
	if rows == 0 {
		return nil
	}
	column := func(kind arrow.DataType, buffers ...[]byte) *array.Data {
		all := []*memory.Buffer{nil}
		for _, b := range buffers {
			all = append(all, memory.NewBufferBytes(b))
		}
		return array.NewData(kind, rows, all, nil, 0, 0)
	}
	index := array.NewUint8Data(column(arrow.PrimitiveTypes.Uint8, t.kind))
	arrays := []arrow.Array{array.NewDictionaryArray(kindType, index, t.kinds)}
	for i, n := range numbers {
		arrays = append(arrays, array.MakeFromData(column(n.kind, t.columns[i])))
	}
	arrays = append(arrays, array.NewStringData(column(commType, t.ends, t.comms)))
	batch := array.NewRecordBatch(t.schema, arrays, int64(rows))
	defer batch.Release()
	defer t.clear()
	return t.out.Write(batch)
}

// Close ends the recording, with what was not flushed yet.
func (t *Writer) Close() error {
	err := t.Flush()
	if e := t.out.Close(); err == nil {
		err = e
	}
	return err
}
