package check

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// With store buffers too, quiet steps are quiet.
func TestQuietStepsWithStoreBuffers(t *testing.T) {
	slowUnderRace(t)
	for _, c := range []machine.Config{
		{Release: machine.V5_0, Arch: machine.X86, PCID: true, Memory: machine.TSO},
		{Release: machine.Newest, Arch: machine.X86, PCID: true, Memory: machine.TSO},
		{Release: machine.Newest, Arch: machine.Classic, Memory: machine.TSO},
		{Release: machine.V6_12, Arch: machine.X86, PCID: true, Memory: machine.WeakStores},
		{Release: machine.Newest, Arch: machine.ARM64, ASIDBits: 2, Memory: machine.WeakStores},
	} {
		c.CPUs, c.Tasks, c.MMs = 2, 5, 3
		t.Run(fmt.Sprintf("%s %s %s", c.Arch, c.Release, c.Memory), func(t *testing.T) {
			for _, env := range []tasks{
				{preempt: true, sleep: true, exit: true, barriers: []int32{kernel.MembarrierPrivate}, changes: 1},
				{preempt: true, exec: true, barriers: []int32{kernel.MembarrierPrivate}, changes: 1},
				{sleep: true, useMM: true, barriers: []int32{kernel.MembarrierSyncCore}, changes: 1},
				{sleep: true, exec: true, global: true, changes: 1},
			} {
				w, err := build(c, nil, nil, &env, func(m *kernel.Machine) error { return beginRegistered(m, Size{CPUs: 2, Tasks: 3}) })
				if err != nil {
					t.Fatal(err)
				}
				everyQuietStep(t, w, map[string]bool{})
			}
		})
	}
}

func searchMembarrier(t *testing.T, s Setup) *Result {
	t.Helper()
	r := Search(context.Background(), buildModel(t, "membarrier", s), Options{Memory: 1 << 30})
	if r.Stopped != "" {
		t.Fatalf("%+v: %s", s, r.Stopped)
	}
	return r
}

// What Linux got wrong up to 5.10 is wrong in 5.0: the sync-core form on x86; exit_mm, exec_mmap (up to 5.3)
// and kthread_use_mm on arm64.
func TestMembarrierUpTo510(t *testing.T) {
	slowUnderRace(t)
	secondsLong(t)
	arm := machine.ARM64
	for _, s := range []Setup{
		{Actions: []string{"preempt", "sync-core"}},
		{Arch: &arm, Actions: []string{"exit", "membarrier"}},
		{Arch: &arm, Actions: []string{"exec", "membarrier"}},
		{Arch: &arm, Actions: []string{"sleep", "use", "membarrier"}, Size: Size{Tasks: 3, MMs: 1}},
	} {
		for _, rel := range []machine.Release{machine.V5_0, machine.V6_1} {
			s.Release = rel
			want := ""
			if rel == machine.V5_0 {
				want = "I22"
			}
			if got := rule(searchMembarrier(t, s)); got != want {
				t.Errorf("%s, %v: %q, want %q", rel, s.Actions, got, want)
			}
		}
	}
}

// A kernel thread that begins to use the address space is passed over as a borrower, and who runs after it is
// switched to as by another thread of the process: finish_task_switch, which serialises the core after a
// borrower, has nothing to do. Neither 6.1 nor 7.3 serialises it in kthread_use_mm. If they did, the rule would
// hold.
func TestSyncCorePastKthreadUseMM(t *testing.T) {
	slowUnderRace(t)
	s := Setup{Release: machine.Newest, Size: Size{Tasks: 3, MMs: 1}, Actions: []string{"sleep", "use", "sync-core"}}
	if got := rule(searchMembarrier(t, s)); got != "I22" {
		t.Errorf("as it is: %q", got)
	}
	if !*thorough {
		t.Skip("the other half, with -quiet.thorough, takes half a minute")
	}
	serialised := kernel.Edit{Path: "kthread_use_mm", Label: "mmdrop_lazy_tlb", Make: func(n step.Node) step.Seq {
		return step.Seq{n, step.Do("sync_core_before_usermode", "who runs next may be a thread of the process", (*step.Ctx).Serialise)}
	}}
	if r := searchEdited(t, s, serialised); r.Found != nil || r.Stopped != "" {
		t.Errorf("with a serialised core: %q %s", rule(r), r.Stopped)
	}
}

// exit_mm and kthread_unuse_mm set rq->membarrier_state to 0, as nothing registered runs there any more. Back
// to the same address space membarrier_switch_mm returns early, since the borrowed one is next's, and the run
// queue goes on saying so: GLOBAL_EXPEDITED passes over a CPU that runs a registered process. Without the
// early return the rule would hold, as it does in 5.0, which looks at the mm itself.
func TestGlobalExpeditedPastBorrower(t *testing.T) {
	slowUnderRace(t)
	secondsLong(t)
	s := Setup{Release: machine.Newest, Size: Size{Tasks: 3, MMs: 1}, Actions: []string{"sleep", "use", "global"}}
	if got := rule(searchMembarrier(t, s)); got != "I22" {
		t.Errorf("as it is: %q", got)
	}
	if got := rule(searchMembarrier(t, Setup{Release: machine.Newest, Size: Size{Tasks: 3, MMs: 1}, Actions: []string{"sleep", "exit", "thread", "global"}})); got != "I22" {
		t.Errorf("after exit_mm: %q", got)
	}
	s.Release = machine.V5_0
	if got := rule(searchMembarrier(t, s)); got != "" {
		t.Errorf("5.0: %q", got)
	}
	if !*thorough {
		t.Skip("the rest, with -quiet.thorough, takes some ten seconds")
	}
	s.Release = machine.Newest
	always := kernel.Edit{Path: "context_switch", Label: "membarrier_switch_mm", Make: func(step.Node) step.Seq {
		return step.Seq{step.Do("membarrier_switch_mm", "whatever was loaded", func(c *step.Ctx) { c.C.MembarrierState = c.MM(c.F.MM).MembarrierState })}
	}}
	if r := searchEdited(t, s, always); r.Found != nil || r.Stopped != "" {
		t.Errorf("without the early return: %q %s", rule(r), r.Stopped)
	}
}

// searchEdited searches a setup of the model with one line of its paths changed.
func searchEdited(t *testing.T, s Setup, e kernel.Edit) *Result {
	t.Helper()
	m, err := FindModel("membarrier")
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Config(&s)
	if err != nil {
		t.Fatal(err)
	}
	v := kernel.Variation{Name: "edited", Edits: []kernel.Edit{e}}
	paths, err := v.Paths(&c, arch.Port(c.Arch))
	if err != nil {
		t.Fatal(err)
	}
	env, err := environmentOf(s.Actions)
	if err != nil {
		t.Fatal(err)
	}
	w, err := build(c, paths, nil, env, func(k *kernel.Machine) error { return m.begin(k, s.Size.Or(m.Size)) })
	if err != nil {
		t.Fatal(err)
	}
	r := Search(context.Background(), w, Options{Memory: 1 << 30})
	t.Logf("%d states", r.Distinct)
	return r
}

// A full search finds each of the breaks too.
func TestMembarrierBreaksInFull(t *testing.T) {
	slowUnderRace(t)
	secondsLong(t)
	for _, b := range Breaks() {
		if b.Model != "membarrier" {
			continue
		}
		s := Setup{NoReduction: true}
		b.Apply(&s, false)
		if r := searchMembarrier(t, s); r.Found == nil || r.Found.Broken.Rule != "I21" && r.Found.Broken.Rule != "I22" {
			t.Errorf("%s: %q among %d states", b.Name, rule(r), r.Distinct)
		}
	}
}

// Each barrier that membarrier counts on is missed on arm64, where no other one stands in for it.
func TestEachBarrierCounts(t *testing.T) {
	slowUnderRace(t)
	arm := machine.ARM64
	s := Setup{Release: machine.Newest, Arch: &arm, Size: Size{Tasks: 3, MMs: 1}, Actions: []string{"sleep", "use", "membarrier"}}
	for _, at := range [][2]string{
		{"__schedule", "smp_mb__after_spinlock"}, {"__switch_to", "dsb(ish)"}, {"kthread_unuse_mm", "smp_mb__after_spinlock"},
		{"flush_smp_call_function_queue", "ipi_mb"},
	} {
		s := s
		if at[0] == "__switch_to" { // a switch between two processes
			s.Size.MMs, s.Actions = 2, append(slices.Clone(s.Actions), "exec")
		}
		r := searchEdited(t, s, kernel.Edit{Path: at[0], Label: at[1], Make: func(step.Node) step.Seq { return nil }})
		if got := rule(r); got != "I21" && got != "I22" {
			t.Errorf("without %s/%s: %q", at[0], at[1], got)
		}
	}
}

func secondsLong(t *testing.T) {
	if testing.Short() || raceDetector {
		t.Skip("takes seconds")
	}
}
