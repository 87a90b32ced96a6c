package trace

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"switchyard/record/tape"
)

func recorded(t *testing.T) []byte {
	t.Helper()
	var file bytes.Buffer
	w := tape.NewWriter(&file, &tape.Meta{Release: "6.12.1", Arch: "x86_64", CPUs: 1, Online: 1, Config: map[string]string{"pcid": "false"}})
	for _, e := range []tape.Event{
		{Kind: tape.Snapshot, Prev: tape.Task{PID: 7, TGID: 7, MM: 2}, Arg: 2, Comm: "seven"},
		{Kind: tape.Ready},
		{Kind: tape.Switch, Time: 10, Prev: tape.Task{PID: 7, TGID: 7, MM: 2, ActiveMM: 2, State: 0x2001}, Next: tape.Task{Flags: tape.FlagIdle}},
		{Kind: tape.Fork, Time: 20, Prev: tape.Task{PID: 7, TGID: 7, MM: 2}, Next: tape.Task{PID: 8, TGID: 7, MM: 2}, Comm: "eight"},
		{Kind: tape.Lost, Arg: 3},
	} {
		if err := w.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

func TestOurOwnRecordingIsRead(t *testing.T) {
	r, err := NewReader(bytes.NewReader(recorded(t)))
	if err != nil {
		t.Fatal(err)
	}
	if m := r.Meta(); m.PCID == nil || *m.PCID || m.PTI != nil {
		t.Errorf("pcid is recorded as false and pti not at all: %v, %v", m.PCID, m.PTI)
	}
	if m := r.Meta(); m.Format != RecorderFile || m.Release != "6.12.1" || m.CPUs != 1 {
		t.Errorf("meta: %+v", m)
	}
	var events []Event
	for {
		var e Event
		if err := r.Next(&e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	if len(events) != 4 {
		t.Fatalf("%d events, want 4", len(events))
	}
	if e := events[0]; e.Kind != Fork || e.Source != Synthesized || e.Task.Comm.String() != "seven" || e.Parent.PID != 2 {
		t.Errorf("snapshot: %+v", e)
	}
	if e := events[1]; e.Kind != Switch || e.Prev.Comm.String() != "seven" || e.State.Letter != 'S' || e.Next.PID != 0 {
		t.Errorf("switch: %+v", e)
	}
	if e := events[2]; e.Kind != Fork || e.CloneFlags != cloneVM || e.Task.PID != 8 || e.Task.Comm.String() != "eight" {
		t.Errorf("fork: %+v", e)
	}
	if r.Losses().Dropped != 3 {
		t.Errorf("losses: %+v", r.Losses())
	}
}

func TestOurOwnRecordingMayBeCut(t *testing.T) {
	file := recorded(t)
	r, err := NewReader(bytes.NewReader(file[:len(file)-100]))
	if err != nil {
		t.Fatal(err)
	}
	var e Event
	for err = nil; err == nil; err = r.Next(&e) {
	}
	var damage *DamageError
	if !errors.As(err, &damage) {
		t.Errorf("a file that is cut off ends with %v", err)
	}
}
