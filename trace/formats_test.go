package trace

import (
	"bytes"
	"testing"
	"testing/fstest"

	"switchyard/trace/perfwrite"
)

// TestWithFormats reads what a killed recorder left.
func TestWithFormats(t *testing.T) {
	whole := made(t, perfwrite.Options{}, twoSwitches)
	cut := whole[:dataStart(whole)+256]
	tracing := fstest.MapFS{}
	for path, text := range perfwrite.FormatFiles() {
		tracing[path] = &fstest.MapFile{Data: []byte(text)}
	}
	r, err := NewReader(bytes.NewReader(cut), WithFormats(tracing))
	if err != nil {
		t.Fatal(err)
	}
	if n := countSwitches(t, r); n != 2 {
		t.Errorf("got %d switches of 2", n)
	}
	if !r.Meta().Lent {
		t.Errorf("it is not said that the formats are lent")
	}
	if _, err := NewReader(bytes.NewReader(cut), WithFormats(fstest.MapFS{})); err == nil {
		t.Errorf("an empty tracing directory goes unnoticed")
	}
}
