package step

import (
	"slices"
	"testing"

	"switchyard/machine"
)

func TestWait(t *testing.T) {
	var n notes
	r := newRig(t, &n,
		&Path{Name: "p", Body: Seq{n.do("before"), Call("lock"), n.do("after")}},
		&Path{Name: "lock", Body: Seq{
			If("never", nIs(99), Then(n.do("never")), nil),
			Wait("lock", "", func(c *Ctx) bool { return !c.S.CPUs[1].Online }, func(c *Ctx) { c.S.CPUs[1].Online = true })}},
	)
	r.S.CPUs[1].Online = true
	start := r.S.Clone()

	r.Begin(0, "p", machine.Frame{})
	if r.Run(0) {
		t.Error("it should wait")
	}
	if got := r.Outcomes(0); got != 0 {
		t.Errorf("%d outcomes while it waits", got)
	}
	if in := r.Next(0); in.Label != "lock" || in.Path.Name != "lock" {
		t.Errorf("it waits at %s/%s", in.Path.Name, in.Label)
	}
	waiting := r.S.Clone()
	if r.Run(0) || !r.S.Equal(waiting) {
		t.Error("waiting changes the machine")
	}
	r.S.CPUs[1].Online = false
	if !r.Run(0) {
		t.Error("it should end")
	}
	r.wantRan("straight line", []string{"before", "after"})

	r.S = start
	r.Begin(0, "p", machine.Frame{})
	r.stepOut(0)
	if !r.S.Equal(waiting) {
		machine.Diff(waiting, r.S, func(c machine.Change) { t.Errorf("single steps wait elsewhere: %s", c) })
	}
}

func choosy(n *notes) *Path {
	return &Path{Name: "p", Body: Seq{
		Choose("pick", "", func(c *Ctx) int { return int(c.F.N) }, func(c *Ctx) { c.F.Val = uint64(c.Choice) }),
		n.and("picked", func(c *Ctx) { c.S.Global.KernelEntries = uint32(c.F.Val) }),
	}}
}

func TestChoose(t *testing.T) {
	var n notes
	r := newRig(t, &n, choosy(&n))
	for want := range uint32(3) {
		r.Begin(0, "p", machine.Frame{N: 3})
		if got := r.Outcomes(0); got != 3 {
			t.Fatalf("%d outcomes, want 3", got)
		}
		r.Step(0, int(want))
		r.Step(0, 0)
		if got := r.S.Global.KernelEntries; got != want {
			t.Errorf("outcome %d took %d", want, got)
		}
	}
}

func TestChooseInStraightLine(t *testing.T) {
	var n notes
	r := newRig(t, &n, choosy(&n))
	r.Begin(0, "p", machine.Frame{N: 3})
	r.Run(0)
	if got := r.S.Global.KernelEntries; got != 0 {
		t.Errorf("without a policy outcome %d was taken, want the first", got)
	}
	r.Choose = func(c *Ctx, in *Instr, outcomes int) int {
		if in.Label != "pick" || outcomes != 3 || r.Next(0) != in {
			t.Errorf("asked at %s for %d outcomes, while the stack says %s", in.Label, outcomes, r.Next(0).Label)
		}
		return 2
	}
	r.Begin(0, "p", machine.Frame{N: 3})
	r.Run(0)
	if got := r.S.Global.KernelEntries; got != 2 {
		t.Errorf("outcome %d was taken, want 2", got)
	}
	r.Begin(0, "p", machine.Frame{N: 0})
	if r.Run(0) || r.Outcomes(0) != 0 {
		t.Error("a choice of nothing is a wait")
	}
}

func TestChoiceEndsWithItsStep(t *testing.T) {
	var n notes
	var got []int
	note := func(c *Ctx) { got = append(got, c.Choice) }
	r := newRig(t, &n, &Path{Name: "p", Body: Seq{
		Choose("three", "", func(*Ctx) int { return 3 }, note),
		Choose("one", "", func(*Ctx) int { return 1 }, note),
	}})
	r.Choose = func(_ *Ctx, _ *Instr, outcomes int) int { return outcomes - 1 }
	r.Begin(0, "p", machine.Frame{})
	r.Run(0)
	if !slices.Equal(got, []int{2, 0}) {
		t.Errorf("outcomes %v, want 2, then 0", got)
	}
}

// watch notes what a Watcher is told, and what it finds on the stack then.
type watch struct {
	*rig
	seen []string
}

func (w *watch) Before(cpu machine.CPUID, in *Instr) {
	w.seen = append(w.seen, "before "+in.Label)
	if w.Next(cpu) != in {
		w.t.Errorf("before %s the stack says %s", in.Label, w.Next(cpu).Label)
	}
}

func (w *watch) After(cpu machine.CPUID, in *Instr) { w.seen = append(w.seen, "after "+in.Label) }

func TestWatch(t *testing.T) {
	var n notes
	r := newRig(t, &n, &Path{Name: "p", Body: Seq{n.do("a"), Call("q"), n.do("c")}}, &Path{Name: "q", Body: Seq{n.do("b")}})
	w := &watch{rig: r}
	r.Watch = w
	r.both("p", machine.Frame{}, "a", "b", "c")
	want := []string{"before a", "after a", "before b", "after b", "before c", "after c"}
	if !slices.Equal(w.seen, append(want, want...)) {
		t.Errorf("the watcher was told %q", w.seen)
	}
}

func TestBrokenSaysWhere(t *testing.T) {
	var n notes
	r := newRig(t, &n,
		&Path{Name: "p", Body: Seq{n.do("a"), Call("q"), n.do("b"), n.and("c", func(c *Ctx) { c.Broken("R2", "two") })}},
		&Path{Name: "q", Body: Seq{n.do("x"), n.and("y", func(c *Ctx) { c.Broken("R1", "one") })}},
	)
	r.both("p", machine.Frame{}, "a", "x", "y", "b", "c")
	want := []Violation{{"R1", 0, "q", "y", "one"}, {"R2", 0, "p", "c", "two"}}
	if !slices.Equal(r.Violations, append(want, want...)) {
		t.Errorf("%+v", r.Violations)
	}
}

func TestViolationsAreBounded(t *testing.T) {
	var e Exec
	for range MaxViolations + 5 {
		e.Report(Violation{})
	}
	if len(e.Violations) != MaxViolations || e.ViolationCount != MaxViolations+5 {
		t.Errorf("kept %d of %d", len(e.Violations), e.ViolationCount)
	}
}

func TestStepsAreCounted(t *testing.T) {
	var n notes
	r := newRig(t, &n, &Path{Name: "p", Body: Seq{n.do("a"), Call("q"), n.do("c")}}, &Path{Name: "q", Body: Seq{n.do("b")}})
	r.both("p", machine.Frame{}, "a", "b", "c")
	if r.Stats.Steps != 6 {
		t.Errorf("%d steps, want 6", r.Stats.Steps)
	}
}

func TestStuckError(t *testing.T) {
	err := &StuckError{CPU: 1, Path: "schedule", Step: "rq_lock"}
	if got, want := err.Error(), "cpu 1 waits for ever in schedule at rq_lock"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
