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
	rows    int
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
		kind: make([]byte, 0, BatchRows), ends: make([]byte, 4, 4*(BatchRows+1)),
	}
	for i, n := range numbers {
		t.columns[i] = make([]byte, 0, BatchRows*n.kind.Bytes())
	}
	return t
}

// clear begins a batch in the memory of the last one, which is in the file.
func (t *Writer) clear() {
	t.rows, t.kind, t.comms, t.ends = 0, t.kind[:0], t.comms[:0], t.ends[:4]
	for i := range t.columns {
		t.columns[i] = t.columns[i][:0]
	}
}

// Write adds an event.
func (t *Writer) Write(e *Event) error {
	t.kind = append(t.kind, byte(e.Kind))
	for i := range numbers {
		v, c := numbers[i].get(e), t.columns[i]
		switch numbers[i].kind.Bytes() {
		case 1:
			c = append(c, byte(v))
		case 2:
			c = binary.LittleEndian.AppendUint16(c, uint16(v))
		case 4:
			c = binary.LittleEndian.AppendUint32(c, uint32(v))
		default:
			c = binary.LittleEndian.AppendUint64(c, v)
		}
		t.columns[i] = c
	}
	t.comms = append(t.comms, e.Comm...)
	t.ends = binary.LittleEndian.AppendUint32(t.ends, uint32(len(t.comms)))
	if t.rows++; t.rows == BatchRows {
		return t.Flush()
	}
	return nil
}

// Flush puts what was written into the file.
func (t *Writer) Flush() error {
	if t.rows == 0 {
		return nil
	}
	column := func(kind arrow.DataType, buffers ...[]byte) *array.Data {
		all := []*memory.Buffer{nil}
		for _, b := range buffers {
			all = append(all, memory.NewBufferBytes(b))
		}
		return array.NewData(kind, t.rows, all, nil, 0, 0)
	}
	index := array.NewUint8Data(column(arrow.PrimitiveTypes.Uint8, t.kind))
	arrays := []arrow.Array{array.NewDictionaryArray(kindType, index, t.kinds)}
	for i, n := range numbers {
		arrays = append(arrays, array.MakeFromData(column(n.kind, t.columns[i])))
	}
	arrays = append(arrays, array.NewStringData(column(commType, t.ends, t.comms)))
	batch := array.NewRecordBatch(t.schema, arrays, int64(t.rows))
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
