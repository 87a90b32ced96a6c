package tape

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/ipc"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"github.com/google/go-cmp/cmp"
)

func someMeta() *Meta {
	return &Meta{Release: "6.12.1", Arch: "x86_64", CPUs: 4, Online: 2, Clock: "CLOCK_MONOTONIC", Tool: "test", Command: "a b",
		Config: map[string]string{"CONFIG_HZ": "250", "pcid": "false"}, Missing: []string{"exit_mmap"}}
}

// randomEvent fills every field.
func randomEvent(r *rand.Rand) Event {
	task := func() Task {
		return Task{r.Uint32(), r.Uint32(), r.Uint32(), r.Uint32(), MMID(r.Uint32()), MMID(r.Uint32())}
	}
	mm := func() MM { return MM{MMID(r.Uint32()), int32(r.Uint32()), int32(r.Uint32()), r.Uint64(), r.Uint64()} }
	e := Event{
		Kind: Kind(r.IntN(int(kinds))), Preempt: r.IntN(2) == 1, CPU: uint16(r.Uint32()), Time: int64(r.Uint64()), Arg: r.Uint32(),
		Prev: task(), Next: task(), Active: mm(), User: mm(),
		Known: Known(r.IntN(8)), Lazy: r.IntN(2) == 1, ASID: uint16(r.Uint32()), NextASID: uint16(r.Uint32()),
		LoadedMM: MMID(r.Uint32()), SlotGen: r.Uint64(), ActiveASID: r.Uint64(), ReservedASID: r.Uint64(), Generation: r.Uint64(),
		Comm: strings.Repeat("x", r.IntN(16)),
	}
	e.Active.ID = e.Prev.ActiveMM
	if e.Kind == Switch || e.Kind == Fork {
		e.User.ID = e.Next.MM
	}
	return e
}

func written(t testing.TB, events []Event, flushEvery int) []byte {
	t.Helper()
	var file bytes.Buffer
	w := NewWriter(&file, someMeta())
	for i := range events {
		if err := w.Write(&events[i]); err != nil {
			t.Fatal(err)
		}
		if i%flushEvery == flushEvery-1 {
			if err := w.Flush(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func someEvents(n int) []Event {
	r := rand.New(rand.NewPCG(1, 2))
	events := make([]Event, n)
	for i := range events {
		events[i] = randomEvent(r)
	}
	return events
}

func all(r *Reader) ([]Event, error) {
	var events []Event
	for {
		var e Event
		if err := r.Next(&e); err != nil {
			return events, err
		}
		events = append(events, e)
	}
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	events := someEvents(BatchRows + 100)
	r, err := NewReader(bytes.NewReader(written(t, events, 40000)))
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(someMeta(), r.Meta()); d != "" {
		t.Errorf("meta (-written +read):\n%s", d)
	}
	got, err := all(r)
	if err != io.EOF {
		t.Fatal(err)
	}
	if !slices.Equal(got, events) {
		t.Errorf("%d events were read, not the %d that were written", len(got), len(events))
	}
}

func TestACutFileIsGoodToItsLastWholeBatch(t *testing.T) {
	events := someEvents(300)
	file := written(t, events, 100)
	whole := 0
	for n := 0; n < len(file); n += 7 {
		r, err := NewReader(bytes.NewReader(file[:n]))
		if err != nil {
			continue
		}
		got, err := all(r)
		var cut *CutError
		if len(got)%100 != 0 || !slices.Equal(got, events[:len(got)]) || err != io.EOF && !errors.As(err, &cut) {
			t.Fatalf("cut at %d of %d bytes: %d events, %v", n, len(file), len(got), err)
		}
		whole = max(whole, len(got))
	}
	if whole < 200 {
		t.Errorf("a file that lacks a few bytes still has 2 or 3 batches, but %d events were read", whole)
	}
}

func TestAStrangersFileIsRefused(t *testing.T) {
	var other bytes.Buffer
	w := NewWriter(&other, &Meta{})
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		file []byte
		want string
	}{
		"empty":        {nil, "no recording"},
		"text":         {[]byte("hello, this is no Arrow stream at all"), "no recording"},
		"without CPUs": {other.Bytes(), "cpus"},
	} {
		_, err := NewReader(bytes.NewReader(c.file))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// The file must open with any Arrow library, hence it must hold what its own reader does not look at.
func TestTheFileIsAnArrowStream(t *testing.T) {
	r, err := ipc.NewReader(bytes.NewReader(written(t, someEvents(10), 10)))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Release()
	if !r.Next() || r.RecordBatch().NumRows() != 10 || r.RecordBatch().NumCols() != int64(len(numbers)+2) {
		t.Errorf("the first batch is not what was written: %v", r.Err())
	}
}

// A file that was written before there were all kinds is read; one with others is not.
func TestAnOlderFileKnowsFewerKinds(t *testing.T) {
	names := func(names ...string) arrow.Array {
		b := array.NewStringBuilder(memory.DefaultAllocator)
		b.AppendValues(names, nil)
		return b.NewArray()
	}
	if n, err := knownKinds(names(kindNames[:firstKinds]...)); err != nil || n != firstKinds {
		t.Errorf("%d kinds, %v", n, err)
	}
	if n, err := knownKinds(names(kindNames[:]...)); err != nil || n != kinds {
		t.Errorf("%d kinds, %v", n, err)
	}
	for what, a := range map[string]arrow.Array{
		"too few": names(kindNames[:firstKinds-1]...), "too many": names(append(kindNames[:], "sleep")...), "other": names(append(kindNames[:kinds-1:kinds-1], "sleep")...),
	} {
		if _, err := knownKinds(a); err == nil {
			t.Errorf("%s: no error", what)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(written(f, someEvents(20), 10))
	f.Add(written(f, nil, 10))
	f.Fuzz(func(_ *testing.T, file []byte) {
		r, err := NewReader(bytes.NewReader(file))
		if err != nil {
			return
		}
		_, _ = all(r)
	})
}

func BenchmarkWrite(b *testing.B) {
	events := someEvents(1000)
	w := NewWriter(io.Discard, someMeta())
	for i := range b.N {
		if err := w.Write(&events[i%len(events)]); err != nil {
			b.Fatal(err)
		}
	}
}
