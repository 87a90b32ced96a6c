package trace

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

// FuzzPerfData wants that nothing in a file makes the reader panic, hang or contradict itself.
func FuzzPerfData(f *testing.F) {
	for _, p := range pathologies {
		f.Add(p.data(f))
	}
	addFiles(f, "testdata/perf/*.data")
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, bytes.NewReader(data), len(data))
		readAll(t, onlyReader{bytes.NewReader(data)}, len(data))
	})
}

// FuzzFtrace wants the same of text.
func FuzzFtrace(f *testing.F) {
	addFiles(f, "testdata/ftrace/*.txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		readAll(t, bytes.NewReader(append([]byte("# tracer: nop\n"), data...)), len(data)+14)
	})
}

func addFiles(f *testing.F, pattern string) {
	paths, err := filepath.Glob(pattern)
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

// maxFuzzEvents stops the reading of compressed data that goes on for ever.
const maxFuzzEvents = 1 << 16

func readAll(t *testing.T, src io.Reader, size int) {
	r, err := NewReader(src)
	if err != nil {
		return
	}
	defer r.Close()
	var e Event
	for range maxFuzzEvents {
		err := r.Next(&e)
		if err != nil {
			checkEnd(t, r, err, size)
			return
		}
		if e.Kind == Invalid || e.Kind > Lost {
			t.Fatalf("an event of kind %d", e.Kind)
		}
		if e.Offset < 0 || e.Offset >= int64(size) {
			t.Fatalf("an event at byte %d of %d", e.Offset, size)
		}
		_ = e.String()
	}
}

func checkEnd(t *testing.T, r *Reader, err error, size int) {
	var damage *DamageError
	if errors.As(err, &damage) {
		if damage.Offset < 0 || damage.Offset > int64(size) {
			t.Fatalf("damage at byte %d of %d", damage.Offset, size)
		}
	} else if !errors.Is(err, io.EOF) {
		t.Fatalf("ended with an error that names no place: %v", err)
	}
	var e Event
	if again := r.Next(&e); again != err {
		t.Fatalf("ended with %v, then with %v", err, again)
	}
}
