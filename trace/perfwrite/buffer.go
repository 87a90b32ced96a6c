package perfwrite

import (
	"fmt"
	"io"
)

// Buffer is a file in memory, for a Writer to write to.
type Buffer struct {
	Data []byte
	pos  int
}

func (b *Buffer) Write(p []byte) (int, error) {
	n := copy(b.Data[b.pos:], p)
	b.Data = append(b.Data, p[n:]...)
	b.pos += len(p)
	return len(p), nil
}

// Seek goes to the beginning or the end.
func (b *Buffer) Seek(offset int64, whence int) (int64, error) {
	switch {
	case offset == 0 && whence == io.SeekStart:
		b.pos = 0
	case offset == 0 && whence == io.SeekEnd:
		b.pos = len(b.Data)
	default:
		return 0, fmt.Errorf("a Buffer goes to its beginning or its end only")
	}
	return int64(b.pos), nil
}
