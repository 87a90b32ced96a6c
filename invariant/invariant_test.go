package invariant_test

import (
	"slices"
	"testing"

	"switchyard/arch"
	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
)

// yard is a machine with a user task on CPU 0, a kernel thread that borrows on CPU 1, a sleeper, a
// zombie, and an idle CPU.
type yard struct {
	*kernel.Machine
	user, kthread, queued, zombie machine.TaskID
	a, b                          machine.MMID
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func newYard(t testing.TB, c machine.Config, port kernel.Port) *yard {
	t.Helper()
	c.CPUs, c.Tasks, c.MMs = 3, 12, 8
	m, err := kernel.Boot(c, port)
	must(t, err)
	y := &yard{Machine: m}
	spawn := func(cpu machine.CPUID) machine.TaskID {
		id, err := m.Spawn(cpu, cpu)
		must(t, err)
		return id
	}
	y.user, y.queued, y.zombie = spawn(0), spawn(1), spawn(1)
	y.kthread, err = m.Fork(1, 1, kernel.CloneKernel)
	must(t, err)
	y.a, y.b = m.S.Tasks[y.user].MM, m.S.Tasks[y.queued].MM
	must(t, m.Switch(0, y.user, false))
	must(t, m.Switch(1, y.zombie, false))
	must(t, m.Exit(1, y.queued))
	must(t, m.Switch(1, y.kthread, false))
	if len(m.Violations) > 0 {
		t.Fatalf("%s: %s", m.Violations[0].Rule, m.Violations[0].Detail)
	}
	return y
}

func broken(check func(invariant.Report)) []string {
	var rules []string
	check(func(rule string, _ machine.CPUID, _ string) {
		if !slices.Contains(rules, rule) {
			rules = append(rules, rule)
		}
	})
	return rules
}

func everyYard(t *testing.T, f func(t *testing.T, y *yard)) {
	for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
		port := arch.Port(a)
		for _, rel := range machine.Releases() {
			for _, lazy := range []machine.LazyMode{machine.LazyRefcount, machine.LazyShootdown, machine.LazyOff} {
				c := machine.Config{Release: rel, Lazy: lazy, Arch: a, CPUs: 3, Tasks: 12, MMs: 8}
				switch a {
				case machine.ARM64:
					c.ASIDBits = 8
				case machine.X86:
					c.PCID = rel >= machine.V5_0
				}
				if c.Validate() != nil {
					continue
				}
				t.Run(port.Arch().String()+"/"+rel.String()+"/"+lazy.String(), func(t *testing.T) {
					f(t, newYard(t, c, port))
				})
			}
		}
	}
}

func TestIntactMachinesPass(t *testing.T) {
	everyYard(t, func(t *testing.T, y *yard) {
		invariant.CheckAll(y.S, func(rule string, cpu machine.CPUID, detail string) {
			t.Errorf("%s on cpu %d: %s", rule, cpu, detail)
		})
	})
}

// spoil breaks one rule of a settled machine by hand.
type spoil struct {
	rule string
	what string
	skip func(*machine.Config) bool
	do   func(y *yard)
}

func lazyOff(c *machine.Config) bool { return c.Lazy == machine.LazyOff }
func counted(c *machine.Config) bool { return c.Lazy == machine.LazyRefcount }
func noOnCPU(c *machine.Config) bool { return c.Release < machine.V4_4 }
func noMaskRule(c *machine.Config) bool {
	return c.Lazy != machine.LazyShootdown || c.Arch == machine.ARM64
}
func noARM64(c *machine.Config) bool  { return c.Arch != machine.ARM64 }
func isARM64(c *machine.Config) bool  { return c.Arch == machine.ARM64 }
func noSlots(c *machine.Config) bool  { return c.Arch != machine.X86 || c.Release < machine.V5_0 }
func noPinned(c *machine.Config) bool { return c.Arch != machine.ARM64 || c.Release < machine.V6_1 }

var spoils = []spoil{
	{"I1", "rq->curr is not on_cpu", noOnCPU, func(y *yard) { y.S.Tasks[y.user].OnCPU = false }},
	{"I1", "a switched-out task is on_cpu", noOnCPU, func(y *yard) { y.S.Tasks[y.queued].OnCPU = true }},
	{"I1", "a switched-out task has no saved context", nil, func(y *yard) {
		for y.S.Top(y.queued) != nil {
			y.S.Pop(y.queued)
		}
	}},
	{"I1", "one task is current on two CPUs", isARM64, func(y *yard) {
		c := &y.S.CPUs[2]
		c.Curr, c.Current, c.Stack, c.Root = y.user, y.user, y.user, y.a
		y.S.MMCPUMask(y.a).Set(2)
		if y.S.Config.Lazy == machine.LazyRefcount {
			y.S.MMs[machine.InitMM].Count-- // what the idle task of CPU 2 held
		}
		y.S.Tasks[c.Idle].ActiveMM = machine.NoMM
		y.S.Tasks[c.Idle].OnCPU = false
	}},
	{"I2", "a queued user task has another active_mm", nil, func(y *yard) { y.S.Tasks[y.queued].ActiveMM = y.a }},
	{"I3", "a task that does not run borrows", nil, func(y *yard) { y.S.Tasks[y.zombie].ActiveMM = y.a }},
	{"I4", "a loan is left in rq->prev_mm", nil, func(y *yard) {
		y.S.CPUs[0].PrevMM = y.a
		if counted(&y.S.Config) {
			y.S.MMs[y.a].Count++
		}
	}},
	{"I5", "one user too many", nil, func(y *yard) { y.S.MMs[y.a].Users++ }},
	{"I5", "users whose mappings are gone", nil, func(y *yard) { y.S.MMs[y.a].Alive &^= machine.HasTables }},
	{"I6", "one reference too many", nil, func(y *yard) { y.S.MMs[y.a].Count++ }},
	{"I6", "one reference too few", lazyOff, func(y *yard) { y.S.MMs[y.b].Count--; y.S.MMs[y.b].Count += shot(y) }},
	{"I7", "users without a reference", nil, func(y *yard) {
		m := &y.S.MMs[y.a]
		m.Count, m.ExtCount = 0, -1
	}},
	{"I8", "a loaded root is freed", nil, func(y *yard) { y.S.MMs[y.a].Alive &^= machine.HasRoot }},
	{"I9", "a borrower outside the cpumask", noMaskRule, func(y *yard) { y.S.MMCPUMask(y.b).Clear(1) }},
	{"I10", "freed page tables are still cached", nil, func(y *yard) {
		m := &y.S.MMs[y.a]
		m.Tables++
		m.TablesDone.Add(m.Tables)
	}},
	{"I11", "a user task on another root", nil, func(y *yard) {
		c := &y.S.CPUs[0]
		c.Root = machine.InitMM
		if y.S.Config.Arch == machine.ARM64 {
			c.Root = machine.NoMM
		}
		if len(y.S.X86) > 0 {
			x := &y.S.X86[0]
			x.LoadedMM, x.Ctxs = machine.InitMM, [machine.X86Slots]machine.X86Context{}
			x.Ctxs[x.ASID] = machine.X86Context{CtxID: 1}
		}
		y.S.FlushTLB(0)
	}},
	{"I12", "a slot is ahead of its address space", noSlots, func(y *yard) {
		x := &y.S.X86[0]
		x.Ctxs[x.ASID].TLBGen = y.S.MMs[y.a].TLBGen + 1
	}},
	{"I12", "a running address space whose mask lacks the CPU", noSlots, func(y *yard) { y.S.MMCPUMask(y.a).Clear(0) }},
	{"I13", "two slots for one address space", noSlots, func(y *yard) {
		x := &y.S.X86[0]
		x.Ctxs[(x.ASID+1)%machine.X86Slots].CtxID = x.Ctxs[x.ASID].CtxID
	}},
	{"I14", "entries of another address space", nil, func(y *yard) {
		for i := range y.S.TLB(0) {
			if e := &y.S.TLB(0)[i]; e.Owner == y.S.MMs[y.a].Serial {
				e.Owner = y.S.MMs[y.b].Serial
			}
		}
	}},
	{"I15", "one address space under two ASIDs", noARM64, func(y *yard) {
		c := &y.S.CPUs[2]
		x := &y.S.Tasks[c.Curr]
		if y.S.Config.Lazy == machine.LazyRefcount {
			y.S.MMs[machine.InitMM].Count--
			y.S.MMs[y.a].Count++
		}
		x.ActiveMM, c.Root = y.a, y.a
		other := y.S.ARM64[0].ActiveASID + 40
		y.S.ARM64[2].ActiveASID, y.S.ARM64[2].HWASID = other, uint32(other&0xff)
		y.S.ASIDMap[(other&0xff)/64] |= 1 << (other % 64)
	}},
	{"I16", "the ASID in use looks free", noARM64, func(y *yard) { clear(y.S.ASIDMap) }},
	{"I17", "an ASID of this generation before the flush", noARM64, func(y *yard) { y.S.ARM64[0].FlushPending = true }},
	{"I18", "a pinned ASID that is not in the map of pinned ones", noPinned, func(y *yard) { y.S.MMs[y.a].Pinned = 1 }},
	{"I19", "a dead task's struct is put twice", nil, func(y *yard) {
		z := &y.S.Tasks[y.zombie]
		z.Usage--
		z.RCUUsers--
	}},
	{"I20", "a lock is kept", nil, func(y *yard) { y.S.CPUs[0].LockedBy = 0 }},
	{"I23", "a translation outlives its flush", nil, func(y *yard) {
		m := &y.S.MMs[y.a]
		m.Changes++
		m.Done.Add(m.Changes)
	}},
	{"I24", "an offline CPU borrows", nil, func(y *yard) {
		c := &y.S.CPUs[2]
		c.Online = false
		y.S.Tasks[c.Idle].ActiveMM = y.a
		if counted(&y.S.Config) {
			y.S.MMs[y.a].Count++
			y.S.MMs[machine.InitMM].Count--
		}
	}},
}

// shot is 0 where borrowers are counted; elsewhere b's count must not fall to zero, only be wrong.
func shot(y *yard) int32 {
	if counted(&y.S.Config) {
		return 0
	}
	return 3
}

func TestEachRuleIsFoundAlone(t *testing.T) {
	for _, sp := range spoils {
		t.Run(sp.rule+" "+sp.what, func(t *testing.T) {
			everyYard(t, func(t *testing.T, y *yard) {
				if sp.skip != nil && sp.skip(&y.S.Config) {
					t.Skip("not a rule of this machine")
				}
				sp.do(y)
				got := broken(func(r invariant.Report) { invariant.CheckAll(y.S, r) })
				if !slices.Equal(got, []string{sp.rule}) {
					t.Errorf("found %v, want %s alone", got, sp.rule)
				}
			})
		})
	}
}

func TestAcross(t *testing.T) {
	everyYard(t, func(t *testing.T, y *yard) {
		before := y.S.Clone()
		must(t, y.Switch(0, y.user, false))
		if got := broken(func(r invariant.Report) { invariant.CheckNoSwitch(before, y.S, 0, r) }); len(got) > 0 {
			t.Errorf("a call of schedule that changes nothing: %v", got)
		}
		y.S.MMs[y.a].Count++
		if got := broken(func(r invariant.Report) { invariant.CheckNoSwitch(before, y.S, 0, r) }); !slices.Equal(got, []string{"I26"}) {
			t.Errorf("a count changed without a switch: %v", got)
		}
		y.S.CopyFrom(before)
		must(t, y.OnMM(0, "mmget", y.b)) // keeps b alive after the loan is gone
		before.CopyFrom(y.S)
		_, err := y.Execve(1)
		must(t, err)
		if got := broken(func(r invariant.Report) { invariant.CheckExec(before, y.S, 1, r) }); len(got) > 0 {
			t.Errorf("an intact exec: %v", got)
		}
		if !counted(&y.S.Config) {
			return
		}
		y.S.MMs[y.b].Count++
		if got := broken(func(r invariant.Report) { invariant.CheckExec(before, y.S, 1, r) }); !slices.Equal(got, []string{"I25"}) {
			t.Errorf("an exec that keeps its loan: %v", got)
		}
	})
}

func TestRulesAreComplete(t *testing.T) {
	rules := invariant.Rules()
	if len(rules) != 32 {
		t.Fatalf("%d rules, want 32", len(rules))
	}
	for i, r := range rules {
		if r.ID != "I"+itoa(i+1) || r.Says == "" || r.Protects == "" || len(r.Checked) == 0 || !invariant.Known(r.ID) {
			t.Errorf("rule %d is incomplete: %+v", i+1, r)
		}
	}
}

func itoa(n int) string {
	if n < 10 {
		return string(rune('0' + n))
	}
	return itoa(n/10) + itoa(n%10)
}

func TestCheckCPUAllocatesNothing(t *testing.T) {
	everyYard(t, func(t *testing.T, y *yard) {
		report := func(rule string, _ machine.CPUID, detail string) { t.Errorf("%s: %s", rule, detail) }
		if n := testing.AllocsPerRun(100, func() { invariant.CheckCPU(y.S, 0, report) }); n != 0 {
			t.Errorf("%v allocations", n)
		}
	})
}

func BenchmarkCheckCPU(b *testing.B) {
	for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
		b.Run(a.String(), func(b *testing.B) {
			y := newYard(b, machine.Config{Release: machine.Newest, Arch: a, PCID: a == machine.X86, ASIDBits: 16}, arch.Port(a))
			report := func(rule string, _ machine.CPUID, detail string) { b.Errorf("%s: %s", rule, detail) }
			b.ReportAllocs()
			for b.Loop() {
				invariant.CheckCPU(y.S, 0, report)
			}
		})
	}
}
