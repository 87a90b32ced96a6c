package verify

import (
	"bytes"
	"io"
	"os"
	"testing"

	"switchyard/record/tape"
)

const withPCIDs = "testdata/mixed-6.1-amd64-pcid-pti-1cpu.arrow"

// A real kernel with PCIDs and page-table isolation: every slot before every switch.
func TestAKernelWithPCIDsIsPredicted(t *testing.T) {
	r, err := File(t.Context(), withPCIDs)
	if err != nil {
		t.Fatal(err)
	}
	r.Each(func(f Fact, tally Tally) {
		if tally.Predicted != tally.Checked {
			t.Errorf("%s was predicted %d times of %d", f, tally.Predicted, tally.Checked)
		}
	})
	for _, f := range []Fact{ActiveMM, Count, Users, RootLoad, LoadedMM, Lazy, Slot, NextASID, Slots, TLBGen} {
		if r.Facts[f].Checked < 20_000 {
			t.Errorf("%s was checked %d times in %d switches", f, r.Facts[f].Checked, r.Switches)
		}
	}
	if r.Dropped+r.Gaps != 0 || len(r.Violations) != 0 {
		t.Errorf("%d events and %d switches lost, rules broken: %v", r.Dropped, r.Gaps, r.Violations)
	}
}

// What the recording tells besides the schedule is needed: without it the predictions are wrong, and it is noticed.
func TestWhatNoScheduleShowsIsNeeded(t *testing.T) {
	recorded, err := os.Open(withPCIDs)
	if err != nil {
		t.Fatal(err)
	}
	defer recorded.Close()
	in, err := tape.NewReader(recorded)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	out := tape.NewWriter(&file, in.Meta())
	dropped := 0
	for {
		var e tape.Event
		if err := in.Next(&e); err == io.EOF {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if e.Kind == tape.InvalidateOther {
			dropped++
			continue
		}
		if err := out.Write(&e); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	r := verified(t, &file, Options{})
	if s := r.Facts[Slots]; dropped == 0 || s.Predicted == s.Checked || r.Causes[OurFault] != 0 {
		t.Errorf("without %d rows that slots were forgotten %d of %d were predicted; causes %v", dropped, s.Predicted, s.Checked, r.Causes)
	}
}
