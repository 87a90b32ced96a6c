//go:build linux

package record

import (
	"bytes"
	"context"
	"io"
	"os"
	"testing"
	"time"

	"switchyard/record/tape"
)

// The kernel that the tests run on, if it may be recorded.
func TestRecordingThisKernel(t *testing.T) {
	if err := mayRecord(); err != nil {
		t.Skip(err)
	}
	if _, err := os.Stat("/sys/kernel/btf/vmlinux"); err != nil {
		t.Skip(err)
	}
	var file bytes.Buffer
	ctx, stop := context.WithTimeout(t.Context(), 30*time.Second)
	defer stop()
	result, err := Run(ctx, Options{Out: &file, For: time.Second})
	if err != nil {
		t.Skipf("this kernel, or what contains us, does not let itself be recorded: %v", err)
	}
	if result.Switches == 0 || result.Dropped != 0 {
		t.Errorf("%+v", result)
	}
	in, err := tape.NewReader(&file)
	if err != nil {
		t.Fatal(err)
	}
	var e tape.Event
	var events, switches, ready, noted uint64
	last := int64(0)
	for {
		err := in.Next(&e)
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		events++
		switch e.Kind {
		case tape.Switch:
			switches++
		case tape.Ready:
			ready++
		case tape.Lost, tape.Gap:
			noted++
		}
		if e.Time < last {
			t.Fatalf("event %d is %d ns older than the one before", events, last-e.Time)
		}
		last = e.Time
	}
	if events-noted != result.Events || switches != result.Switches || ready != 1 || noted < result.Gaps {
		t.Errorf("%d events, %d switches, %d ends of the snapshot in the file; %+v", events, switches, ready, result)
	}
}
