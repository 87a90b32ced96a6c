package tape

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	flatbuffers "github.com/google/flatbuffers/go"
)

// maxSchema bounds the schema message: a recording's has some 5 kB.
const maxSchema = 1 << 20

// Slots of Arrow's flatbuffers (format/Message.fbs, format/Schema.fbs), as offsets in a vtable.
const (
	messageHeader  = 8
	schemaFields   = 6
	schemaMetadata = 8
	fieldChildren  = 14
	fieldMetadata  = 16
)

// checkSchema reads the schema message, with which every stream begins, and gives the stream back whole.
// The Arrow library makes room for as many fields as the message claims to have before it looks at one,
// and follows their children as deep as they go.
func checkSchema(r io.Reader) (io.Reader, error) {
	var head [8]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[4:])
	if binary.LittleEndian.Uint32(head[:]) != 0xffffffff || size > maxSchema {
		return nil, errors.New("it does not begin with the schema of an Arrow stream")
	}
	message := make([]byte, size)
	if _, err := io.ReadFull(r, message); err != nil {
		return nil, err
	}
	if err := honestSchema(message); err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(head[:]), bytes.NewReader(message), r), nil
}

// honestSchema panics where the message points outside of itself: see refuse.
func honestSchema(message []byte) error {
	root := flatbuffers.Table{Bytes: message, Pos: flatbuffers.GetUOffsetT(message)}
	at := root.Offset(messageHeader)
	if at == 0 {
		return errors.New("the schema message is empty")
	}
	var schema flatbuffers.Table
	root.Union(&schema, flatbuffers.UOffsetT(at))
	if _, err := elements(&schema, schemaMetadata); err != nil {
		return err
	}
	n, err := elements(&schema, schemaFields)
	if err != nil || n == 0 {
		return err
	}
	first := schema.Vector(flatbuffers.UOffsetT(schema.Offset(schemaFields)))
	for i := range flatbuffers.UOffsetT(n) {
		field := flatbuffers.Table{Bytes: message, Pos: schema.Indirect(first + 4*i)}
		if _, err := elements(&field, fieldMetadata); err != nil {
			return err
		}
		if children, err := elements(&field, fieldChildren); err != nil || children != 0 {
			return errors.Join(err, errors.New("a column of columns"))
		}
	}
	return nil
}

// elements is the length of a vector of tables, each of which takes four bytes at least.
func elements(t *flatbuffers.Table, slot flatbuffers.VOffsetT) (int, error) {
	at := t.Offset(slot)
	if at == 0 {
		return 0, nil
	}
	n := t.VectorLen(flatbuffers.UOffsetT(at))
	if n < 0 || n > len(t.Bytes)/4 {
		return 0, fmt.Errorf("its schema claims %d elements in %d bytes", n, len(t.Bytes))
	}
	return n, nil
}
