package x86_test

import (
	"testing"

	"switchyard/arch/x86"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

func each(t *testing.T, cpus int, test func(r *rig, c machine.Config)) {
	for _, c := range configs(cpus) {
		t.Run(name(c), func(t *testing.T) {
			r := boot(t, c)
			test(r, c)
			r.intact()
		})
	}
}

func TestBorrowAndReturn(t *testing.T) {
	each(t, 1, func(r *rig, c machine.Config) {
		k := r.kthread(0)
		a, mmA := r.process(0)
		r.sw(0, a)
		r.counts(mmA, 1, 1)
		loads := r.Stats.Loads
		r.sw(0, 0)
		r.counts(mmA, 1, 2)
		r.sw(0, k)
		r.counts(mmA, 1, 2)
		if r.S.CPUs[0].Root != mmA || !r.S.X86[0].Lazy {
			r.Error("the kernel task should stand on A, lazily")
		}
		r.sw(0, a)
		r.counts(mmA, 1, 1)
		if r.Stats.Loads != loads {
			r.Errorf("CR3 was written %d times on the way to a kernel task and back", r.Stats.Loads-loads)
		}
		if r.S.X86[0].Lazy {
			r.Error("still lazy in user mode")
		}
	})
}

func TestExit(t *testing.T) {
	each(t, 1, func(r *rig, c machine.Config) {
		a, mmA := r.process(0)
		b, mmB := r.process(0)
		r.sw(0, a)
		r.must(r.Exit(0, 0))
		r.counts(mmA, 0, 1)
		if r.S.CPUs[0].Root != machine.InitMM {
			r.Error("exit_mmap freed page tables: the CPU must be on init_mm's root")
		}
		if r.S.Tasks[0].ActiveMM != mmA {
			r.Error("the idle task should still borrow A")
		}
		r.sw(0, b)
		r.counts(mmA, 0, 0)
		r.counts(mmB, 1, 1)
		if r.S.MMs[mmA].Alive != 0 {
			r.Error("A should be freed")
		}
	})
}

func TestExecFromKernelTask(t *testing.T) {
	each(t, 1, func(r *rig, c machine.Config) {
		a, mmA := r.process(0)
		h, err := r.Fork(0, 0, 0)
		r.must(err)
		r.sw(0, a)
		r.sw(0, h)
		r.counts(mmA, 1, 2)
		n, err := r.Execve(0)
		r.must(err)
		r.counts(mmA, 1, 1)
		r.counts(n, 1, 1)
		if r.S.CPUs[0].Root != n {
			r.Error("the new address space is not loaded")
		}
	})
}

func TestKthreadUseMM(t *testing.T) {
	each(t, 1, func(r *rig, c machine.Config) {
		k := r.kthread(0)
		a, mmA := r.process(0)
		b, mmB := r.process(0)
		r.sw(0, a)
		r.sw(0, k)
		r.counts(mmA, 1, 2)
		r.must(r.OnMM(0, "kthread_use_mm", mmB))
		r.counts(mmA, 1, 1)
		r.counts(mmB, 1, 2)
		if r.S.CPUs[0].Root != mmB || r.S.X86[0].Lazy {
			r.Error("the kernel task should use B, not lazily")
		}
		r.sw(0, 0)
		r.counts(mmB, 1, 3)
		r.sw(0, k)
		r.must(r.Enter(0, "kthread_unuse_mm", machine.Frame{}))
		r.counts(mmB, 1, 2)
		if !r.S.X86[0].Lazy {
			r.Error("a borrower should be lazy")
		}
		r.sw(0, b)
		r.counts(mmB, 1, 1)
	})
}

func TestThreadSiblings(t *testing.T) {
	each(t, 2, func(r *rig, c machine.Config) {
		a1, mmA := r.process(0)
		r.sw(0, a1)
		a2 := r.thread(0, 1)
		r.sw(1, a2)
		r.counts(mmA, 2, 1)
		r.sw(0, 0)
		r.must(r.Sleep(1, machine.TaskInterruptible, 1))
		r.counts(mmA, 2, 3)
		r.must(r.Wake(0, a2, 0))
		r.sw(0, a2)
		r.counts(mmA, 2, 2)
		if got := r.S.MMCPUMask(mmA).Count(); got != 2 {
			r.Errorf("%d CPUs in A's mask, want 2", got)
		}
	})
}

// T7: a full flush and a ranged one are handled in the wrong order.
func TestGenerationsOutOfOrder(t *testing.T) {
	for _, c := range configs(3) {
		if c.Release < machine.V5_0 {
			continue
		}
		t.Run(name(c), func(t *testing.T) {
			r := boot(t, c)
			outOfOrder(r)
			r.intact()
			if g := r.S.X86[0].Ctxs[r.S.X86[0].ASID].TLBGen; g != r.S.MMs[1].TLBGen {
				t.Errorf("cpu 0 is at generation %d of %d", g, r.S.MMs[1].TLBGen)
			}
		})
	}
}

// outOfOrder has three threads of one process; CPU 1 and CPU 2 flush, and CPU 0 hears of the later
// one, a range, first.
func outOfOrder(r *rig) {
	a, _ := r.process(0)
	r.sw(0, a)
	r.sw(1, r.thread(0, 1))
	r.sw(2, r.thread(0, 2))
	gen := r.S.MMs[1].TLBGen
	r.begin(2, "unmap_region", machine.Frame{N: 100})
	r.stepTo(2, "inc_mm_tlb_gen")
	r.Step(2, 0)
	r.begin(1, "unmap_region", machine.Frame{N: 1})
	r.stepTo(1, "csd_lock_wait")
	if !r.Interrupt(0) {
		r.Fatal("cpu 0 was not asked")
	}
	r.Run(0)
	if got := r.S.X86[0].Ctxs[r.S.X86[0].ASID].TLBGen; got != gen+2 {
		r.Errorf("cpu 0 is at generation %d after the range, want %d", got, gen+2)
	}
	r.must(r.Settle(2))
	r.must(r.Enter(0, "unmap_region", machine.Frame{N: 1}))
}

// T8: what a lazy CPU finds when it comes back.
func TestLazyReturn(t *testing.T) {
	for _, c := range configs(2) {
		if c.Release < machine.V5_0 {
			continue
		}
		t.Run(name(c), func(t *testing.T) {
			for _, test := range []struct {
				name        string
				unmap       bool
				tables      bool
				ipis, loads uint64
				stays       bool
			}{
				{name: "nothing unmapped", stays: true},
				{name: "pages", unmap: true, stays: true, loads: 1},
				{name: "tables", unmap: true, tables: true, ipis: 1, loads: 2},
			} {
				t.Run(test.name, func(t *testing.T) {
					r := boot(t, c)
					a, mmA := r.process(0)
					r.sw(0, a)
					r.sw(1, r.thread(0, 1))
					r.sw(0, 0)
					before, slot := r.Stats, r.S.X86[0].ASID
					if test.unmap {
						r.must(r.Munmap(1, 1, test.tables))
					}
					if got := r.Stats.IPIs - before.IPIs; got != test.ipis {
						t.Errorf("%d interrupts, want %d", got, test.ipis)
					}
					if stays := r.S.CPUs[0].Root == mmA; stays != test.stays {
						t.Errorf("the lazy CPU stays on A: %t", stays)
					}
					r.sw(0, a)
					if got := r.Stats.Loads - before.Loads; got != test.loads {
						t.Errorf("CR3 written %d times, want %d", got, test.loads)
					}
					if c.PCID && r.S.X86[0].ASID != slot {
						t.Errorf("back in slot %d, was in %d", r.S.X86[0].ASID, slot)
					}
					if g := r.S.X86[0].Ctxs[r.S.X86[0].ASID].TLBGen; g != r.S.MMs[mmA].TLBGen {
						t.Errorf("slot is at generation %d of %d", g, r.S.MMs[mmA].TLBGen)
					}
					r.intact()
				})
			}
		})
	}
}

// Up to 4.13 a lazy CPU takes one interrupt and then none.
func TestLazyLeavesOnce(t *testing.T) {
	for _, rel := range []machine.Release{machine.V2_6_32, machine.V4_4} {
		t.Run(rel.String(), func(t *testing.T) {
			r := boot(t, config(rel, 2, false, false))
			a, mmA := r.process(0)
			r.sw(0, a)
			r.sw(1, r.thread(0, 1))
			r.sw(0, 0)
			before := r.Stats.IPIs
			for range 3 {
				r.must(r.Munmap(1, 1, false))
			}
			if got := r.Stats.IPIs - before; got != 1 {
				t.Errorf("%d interrupts, want 1", got)
			}
			if r.S.CPUs[0].Root != machine.InitMM {
				t.Error("the lazy CPU should have left")
			}
			r.sw(0, a)
			if r.S.CPUs[0].Root != mmA || !r.S.MMCPUMask(mmA).Has(0) {
				t.Error("back in user mode, but not on A or not in its mask")
			}
			r.intact()
		})
	}
}

// T9: six slots, round robin.
func TestSlots(t *testing.T) {
	for _, rel := range machine.Releases() {
		if rel < machine.V5_0 {
			continue
		}
		for _, procs := range []int{6, 7} {
			r := boot(t, config(rel, 1, true, false))
			var tasks []machine.TaskID
			var slots []uint16
			for range procs {
				r.sw(0, 0) // an idle task's child has no address space before it execs
				id, err := r.Fork(0, 0, 0)
				r.must(err)
				r.sw(0, id)
				_, err = r.Execve(0)
				r.must(err)
				tasks, slots = append(tasks, id), append(slots, r.S.X86[0].ASID)
			}
			want := []uint16{1, 2, 3, 4, 5, 0, 1}
			for i := range slots {
				if slots[i] != want[i] {
					t.Fatalf("%s: slots %v, want %v", rel, slots, want[:procs])
				}
			}
			for range 2 {
				for _, id := range tasks {
					r.sw(0, id)
				}
			}
			before := r.Stats
			for _, id := range tasks {
				r.sw(0, id)
			}
			kept := r.Stats.KeptByTag - before.KeptByTag
			if procs == 6 && kept != 6 || procs == 7 && kept != 0 {
				t.Errorf("%s: with %d processes %d switches kept their entries", rel, procs, kept)
			}
			r.intact()
		}
	}
}

// A CPU that sleeps deeply leaves what it borrows, and is not asked to flush any more.
func TestLeaveMM(t *testing.T) {
	for _, c := range configs(2) {
		t.Run(name(c), func(t *testing.T) {
			r := boot(t, c)
			a, mmA := r.process(0)
			r.sw(0, a)
			r.sw(1, r.thread(0, 1))
			r.sw(0, 0)
			before := r.Stats
			r.must(r.Enter(0, "leave_mm", machine.Frame{}))
			if r.S.CPUs[0].Root != machine.InitMM {
				t.Error("still on A")
			}
			r.must(r.Munmap(1, 1, false))
			if r.Stats.IPIs != before.IPIs {
				t.Error("asked to flush what it has left")
			}
			r.sw(0, a)
			if r.S.CPUs[0].Root != mmA || r.Stats.Loads != before.Loads+2 {
				t.Errorf("%d loads, want 2", r.Stats.Loads-before.Loads)
			}
			if r.Stats.LoadsAvoided != before.LoadsAvoided-1 {
				t.Errorf("what borrowing avoided was not taken back: %d, was %d", r.Stats.LoadsAvoided, before.LoadsAvoided)
			}
			r.intact()
		})
	}
}

func TestCheckingAllocatesNothing(t *testing.T) {
	r := boot(t, config(machine.Newest, 2, true, true))
	a, _ := r.process(0)
	r.sw(0, a)
	found := 0
	report := func(string, string) { found++ }
	if n := testing.AllocsPerRun(100, func() { x86.CheckAll(r.S, report) }); n != 0 {
		t.Errorf("%g allocations", n)
	}
	if found != 0 {
		t.Errorf("%d rules fell", found)
	}
}

// From 4.14 to 4.19 init_mm takes part in the competition for slots.
func TestLazyUntil419(t *testing.T) {
	for _, pcid := range []bool{false, true} {
		r := boot(t, config(machine.V5_0, 2, pcid, false), x86.LazyUntil419()...)
		a, mmA := r.process(0)
		r.sw(0, a)
		r.sw(1, r.thread(0, 1))
		before := r.Stats
		r.sw(0, 0)
		onInit := r.S.CPUs[0].Root == machine.InitMM
		if onInit != pcid {
			t.Errorf("pcid=%t: the idle task is on init_mm: %t", pcid, onInit)
		}
		if pcid && r.S.MMCPUMask(mmA).Has(0) {
			t.Error("left, but still in the mask")
		}
		r.must(r.Munmap(1, 1, false))
		if !pcid && r.S.CPUs[0].Root != machine.InitMM {
			t.Error("the flush should have moved the lazy CPU")
		}
		r.sw(0, a)
		if r.Stats.Loads-before.Loads != 2 {
			t.Errorf("pcid=%t: %d loads, want 2", pcid, r.Stats.Loads-before.Loads)
		}
		if r.Stats.LoadsAvoided != before.LoadsAvoided {
			t.Errorf("pcid=%t: %d loads avoided, want none", pcid, int64(r.Stats.LoadsAvoided-before.LoadsAvoided))
		}
		r.intact()
	}
}

// The bit of a CPU that went on to another process stays in 7.3 until a flush finds it.
func TestStaleMaskBit(t *testing.T) {
	r := boot(t, config(machine.V7_3, 2, true, false))
	a, mmA := r.process(0)
	b, _ := r.process(0)
	r.sw(0, a)
	r.sw(1, r.thread(0, 1))
	r.sw(0, b)
	if !r.S.MMCPUMask(mmA).Has(0) {
		t.Fatal("the bit should stay")
	}
	before := r.Stats.IPIs
	r.must(r.Munmap(1, 1, false))
	if r.Stats.IPIs != before || !r.S.MMCPUMask(mmA).Has(0) {
		t.Error("no page tables go and no second has passed: CPU 0 is not to be asked")
	}
	r.Choose = func(*step.Ctx, *step.Instr, int) int { return 1 }
	r.must(r.Munmap(1, 1, false))
	if r.Stats.IPIs != before+1 || r.S.MMCPUMask(mmA).Has(0) {
		t.Error("a second has passed: the bit should be trimmed")
	}
	r.Choose = nil
	r.sw(0, a)
	r.intact()
}

// The window that CheckCPU leaves out: from 4.14 to 6.12 page tables can be freed while a CPU that has
// left the mask has yet to write CR3. In 7.3 whoever frees them waits for that CPU.
func TestTablesFreedBeforeCR3(t *testing.T) {
	for _, rel := range machine.Releases() {
		if rel < machine.V5_0 {
			continue
		}
		r := boot(t, config(rel, 2, true, false))
		a, mmA := r.process(0)
		b, _ := r.process(0)
		r.sw(0, a)
		r.sw(1, r.thread(0, 1))
		r.beginSwitch(0, b)
		r.stepTo(0, "choose_new_asid")
		r.begin(1, "unmap_region", machine.Frame{N: 1, State: kernel.FreeTables})
		freed := r.Run(1)
		if r.S.CPUs[0].Root != mmA {
			t.Fatal("CR3 was written too early for this test")
		}
		if want := rel < machine.V7_3; freed != want {
			t.Errorf("%s: tables freed under a loaded root: %t, want %t", rel, freed, want)
		}
		r.must(r.Settle(0))
		r.sw(0, a) // the generation catches what the tag still held
		r.intact()
	}
}

func TestMitigation(t *testing.T) {
	r := boot(t, config(machine.Newest, 1, true, false))
	k := r.kthread(0)
	a, _ := r.process(0)
	b, _ := r.process(0)
	r.sw(0, a)
	before := r.Stats.IBPBs
	r.sw(0, k)
	r.sw(0, a)
	if r.Stats.IBPBs != before {
		t.Error("a kernel task in between is no other process")
	}
	r.sw(0, k)
	r.sw(0, b)
	r.sw(0, a)
	if r.Stats.IBPBs != before+2 {
		t.Errorf("%d IBPBs, want 2", r.Stats.IBPBs-before)
	}
	r.intact()
}

func TestUserFlushIsPutOff(t *testing.T) {
	r := boot(t, config(machine.Newest, 1, true, true))
	a, _ := r.process(0)
	r.sw(0, a)
	before := r.Stats.UserTableFlushes
	r.must(r.Munmap(0, 1, false))
	if r.Stats.UserTableFlushes != before {
		t.Error("a ranged flush reaches the user PCID by INVPCID")
	}
	r.must(r.Munmap(0, 34, false))
	if r.Stats.UserTableFlushes != before+1 || r.S.X86[0].UserFlush&(1<<r.S.X86[0].ASID) != 0 {
		t.Error("a full flush empties the user PCID on the way to user mode")
	}
	r.intact()
}

func TestHotplug(t *testing.T) {
	each(t, 2, func(r *rig, c machine.Config) {
		a, mmA := r.process(1)
		r.sw(1, a)
		r.must(r.Sleep(1, machine.TaskInterruptible, 1))
		r.counts(mmA, 1, 2)
		r.must(r.Offline(1, 0))
		r.counts(mmA, 1, 1)
		if r.S.CPUs[1].Root != machine.InitMM {
			r.Error("a CPU went away on a user address space")
		}
		r.must(r.Online(1))
		r.must(r.Wake(0, a, 1))
		r.sw(1, a)
	})
}

func TestLazyOffAndShootdown(t *testing.T) {
	for _, c := range configs(2) {
		for _, lazy := range []machine.LazyMode{machine.LazyOff, machine.LazyShootdown} {
			if lazy == machine.LazyShootdown && c.Release < machine.V6_12 {
				continue
			}
			c.Lazy = lazy
			t.Run(name(c)+"/"+lazy.String(), func(t *testing.T) {
				r := boot(t, c)
				k := r.kthread(0)
				a, mmA := r.process(0)
				r.sw(0, a)
				r.sw(1, r.thread(0, 1))
				r.sw(0, k)
				r.must(r.Exit(1, 1))
				r.sw(0, a)
				r.must(r.Exit(0, k))
				if lazy == machine.LazyShootdown && r.S.MMs[mmA].Alive != 0 {
					t.Error("nobody is counted: A should be freed at once")
				}
				r.intact()
			})
		}
	}
}

func TestPCID(t *testing.T) {
	if got := x86.PCID(1); got != 1 {
		t.Errorf("PCID(1) = %d", got)
	}
	if got := x86.PCID(machine.X86Slots + 3); got != 3|1<<11 {
		t.Errorf("PCID of the third user tag = %#x", got)
	}
}

var _ kernel.Port = x86.Port{}
