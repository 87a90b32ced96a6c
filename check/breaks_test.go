package check

import (
	"context"
	"slices"
	"testing"

	"switchyard/machine"
)

// slow are found, after some ten seconds.
var slow = []string{"asid-no-reserved", "x86-lazy-mask-without-barrier", "x86-lazy-return-unchecked", "x86-mask-without-barrier",
	"x86-ranged-flush-skips-generation", "x86-should-flush-order", "x86-slot-generation-ignored",
	"drop-before-switch"}

// Each bug is found, and the way to it that is told replays.
func TestBreaksAreFound(t *testing.T) {
	slowUnderRace(t)
	for i, b := range Breaks() {
		if raceDetector && i%6 != 0 {
			continue // what they do to memory is the same
		}
		t.Run(b.Name, func(t *testing.T) {
			if (testing.Short() || raceDetector) && slices.Contains(slow, b.Name) {
				t.Skip("takes seconds")
			}
			s := Setup{Release: machine.Newest}
			b.Apply(&s, false)
			m, err := FindModel(b.Model)
			if err != nil {
				t.Fatal(err)
			}
			w, err := m.Build(s)
			if err != nil {
				t.Fatal(err)
			}
			r := Search(context.Background(), w, Options{Memory: 1 << 30, Liveness: true})
			if r.Found == nil {
				t.Fatalf("not found among %d states (%s; liveness: %s)", r.Distinct, r.Stopped, r.Liveness)
			}
			t.Logf("%s after %d actions, %d states: %s", r.Found.Broken.Rule, r.Found.Len(), r.Distinct, r.Found.Broken.Detail)
			if steps := w.Tell(r.Found); len(steps) < r.Found.Len() {
				t.Errorf("%d steps are told of %d actions", len(steps), r.Found.Len())
			}
			_, again, err := ScheduleOf(m, &s, w, r.Found).Replay()
			if err != nil {
				t.Fatal(err)
			}
			if again.Broken != r.Found.Broken {
				t.Errorf("the schedule ends with %+v, want %+v", again.Broken, r.Found.Broken)
			}
		})
	}
}

// endless are the breaks in which nothing is ever wrong, and something never comes.
var endless = []string{"prev-state-before-lock", "wake-list-emptied-late", "move-locks-in-other-order"}

// plainMemory is room for what a plain search sees in a second; a thorough run has room for most breaks.
func plainMemory() int64 {
	if *thorough {
		return 4 << 30
	}
	return 32 << 20
}

// A plain search finds what a reduced one finds, wherever it comes that far in the memory that it has here.
func TestPlainSearchesFindBreaks(t *testing.T) {
	slowUnderRace(t)
	found := 0
	for _, b := range Breaks() {
		s := Setup{NoReduction: true}
		b.Apply(&s, false)
		w := buildModel(t, b.Model, s)
		r := Search(context.Background(), w, Options{Memory: plainMemory()})
		switch {
		case r.Found != nil:
			found++
		case r.Stopped == "" && !slices.Contains(endless, b.Name):
			t.Errorf("%s: a plain search sees all %d states and finds nothing", b.Name, r.Distinct)
		}
	}
	if t.Logf("%d of %d breaks found by plain searches", found, len(Breaks())); found < len(Breaks())/2 {
		t.Error("too few to say anything")
	}
}

// Where a break needs a machine or a place to begin of its own, the intact paths hold there.
func TestIntactHoldsWhereBreaksDoNot(t *testing.T) {
	slowUnderRace(t)
	for _, b := range Breaks() {
		own, ok := needs[b.variation]
		if !ok || !slices.Contains(own.options, "used-up") || own.size.Tasks > 3 && own.size.Generations > 2 { // which takes minutes
			continue
		}
		t.Run(b.Name, func(t *testing.T) {
			if testing.Short() || raceDetector {
				t.Skip("takes seconds")
			}
			s := Setup{Release: machine.Newest}
			b.Apply(&s, false)
			s.Break = ""
			r := Search(context.Background(), buildModel(t, b.Model, s), Options{Memory: 1 << 30})
			if r.Found != nil || r.Stopped != "" {
				t.Fatalf("after %d states: %v %s", r.Distinct, r.Found, r.Stopped)
			}
			t.Logf("%d states", r.Distinct)
		})
	}
}
