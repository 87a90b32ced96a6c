package check

import (
	"context"
	"fmt"
	"testing"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// With store buffers too, quiet steps are quiet.
func TestQuietStepsWithStoreBuffers(t *testing.T) {
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
			} {
				w, err := build(c, nil, &env, func(m *kernel.Machine) error { return beginRegistered(m, Size{CPUs: 2, Tasks: 3}) })
				if err != nil {
					t.Fatal(err)
				}
				everyQuietStep(t, w)
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

// What Linux got wrong up to 5.10 is wrong in 5.0: the sync-core form on x86, exit_mm and kthread_use_mm on arm64.
func TestMembarrierUpTo510(t *testing.T) {
	arm := machine.ARM64
	for _, s := range []Setup{
		{Actions: []string{"preempt", "sync-core"}},
		{Arch: &arm, Actions: []string{"exit", "membarrier"}},
		{Arch: &arm, Actions: []string{"sleep", "use", "membarrier"}, Size: Size{Tasks: 3}},
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
	s := Setup{Release: machine.Newest, Size: Size{Tasks: 3}, Actions: []string{"sleep", "use", "sync-core"}}
	if got := rule(searchMembarrier(t, s)); got != "I22" {
		t.Errorf("as it is: %q", got)
	}
	if !*thorough {
		t.Skip("the other half, with -quiet.thorough, takes half a minute")
	}
	serialised := kernel.Variation{Name: "serialised", Edits: []kernel.Edit{{Path: "kthread_use_mm", Label: "mmdrop_lazy_tlb", Make: func(n step.Node) step.Seq {
		return step.Seq{n, step.Do("sync_core_before_usermode", "who runs next may be a thread of the process", (*step.Ctx).Serialise)}
	}}}}
	m, err := FindModel("membarrier")
	if err != nil {
		t.Fatal(err)
	}
	c, err := m.Config(&s)
	if err != nil {
		t.Fatal(err)
	}
	paths, err := serialised.Paths(&c, arch.Port(c.Arch))
	if err != nil {
		t.Fatal(err)
	}
	env, err := environmentOf(s.Actions)
	if err != nil {
		t.Fatal(err)
	}
	w, err := build(c, paths, env, func(k *kernel.Machine) error { return m.begin(k, s.Size.Or(m.Size)) })
	if err != nil {
		t.Fatal(err)
	}
	r := Search(context.Background(), w, Options{Memory: 1 << 30})
	t.Logf("%d states", r.Distinct)
	if r.Found != nil || r.Stopped != "" {
		t.Errorf("with a serialised core: %q %s", rule(r), r.Stopped)
	}
}

// A full search finds each of the breaks too.
func TestMembarrierBreaksInFull(t *testing.T) {
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
