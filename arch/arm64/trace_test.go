package arm64_test

import (
	"testing"

	"switchyard/kernel"
	"switchyard/machine"
)

// onEach runs a trace on every release and configuration, and looks for broken rules at its end.
func onEach(t *testing.T, cpus int, trace func(t *testing.T, r *rig)) {
	for _, c := range configs(cpus) {
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			trace(t, r)
			r.ok()
		})
	}
}

func (r *rig) transfers() bool { return r.S.Config.Release >= machine.V6_1 }

func TestT1BorrowAndReturn(t *testing.T) {
	onEach(t, 1, func(t *testing.T, r *rig) {
		k := r.kthread(0)
		a, mm := r.process(0)
		asid, loads := r.S.ARM64[0].ActiveASID, r.Stats.Loads
		r.counts(mm, 1, 1)
		r.run(0, 0)
		r.counts(mm, 1, 2)
		grabs := r.Stats.Grabs
		r.run(0, k)
		r.counts(mm, 1, 2)
		if moved := r.Stats.Grabs == grabs; moved != r.transfers() {
			t.Errorf("from kernel task to kernel task: moved = %v", moved)
		}
		if r.S.Config.PAN != (r.S.Tasks[k].SavedMM == machine.NoMM && r.S.CPUs[0].Root == machine.NoMM) {
			t.Error("without PAN the borrowed root stays loaded, with PAN the kernel is never on it")
		}
		r.run(0, a)
		r.counts(mm, 1, 1)
		if r.S.CPUs[0].PrevMM != machine.NoMM || r.S.Tasks[k].ActiveMM != machine.NoMM {
			t.Error("a loan is left over")
		}
		r.want("active ASID", r.S.ARM64[0].ActiveASID, asid)
		if !r.S.Config.PAN {
			r.want("roots written", r.Stats.Loads-loads, 0)
		}
	})
}

func TestT2Exit(t *testing.T) {
	onEach(t, 1, func(t *testing.T, r *rig) {
		b, mmB := r.process(0)
		_, mmA := r.process(0)
		r.do(r.Exit(0, 0))
		r.counts(mmA, 0, 1)
		if r.S.MMs[mmA].Alive&(machine.HasRoot|machine.HasTables) != machine.HasRoot {
			t.Error("the root must outlive the tables below it")
		}
		r.run(0, b)
		r.counts(mmA, 0, 0)
		r.counts(mmB, 1, 1)
		if r.S.MMs[mmA].Alive != 0 {
			t.Error("A is not freed")
		}
	})
}

func TestT2ExitShootdown(t *testing.T) {
	for _, c := range configs(2) {
		if c.Release < machine.V6_12 {
			continue
		}
		c.Lazy = machine.LazyShootdown
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			_, mm := r.process(0)
			r.run(1, r.fork(0, 1, kernel.CloneVM))
			r.do(r.Exit(1, 1)) // CPU 1 borrows what nobody counts
			r.counts(mm, 1, 1)
			r.do(r.Exit(0, 0))
			if r.S.MMs[mm].Alive != 0 || r.S.Tasks[0].ActiveMM != machine.InitMM || r.S.Tasks[1].ActiveMM != machine.InitMM {
				t.Error("both CPUs must have left for init_mm before the root was freed")
			}
			r.ok()
		})
	}
}

func TestT3ExecFromKernelTask(t *testing.T) {
	onEach(t, 1, func(t *testing.T, r *rig) {
		x, mmX := r.process(0)
		r.run(0, 0)
		h := r.fork(0, 0, 0)
		r.run(0, h)
		if r.S.Tasks[h].ActiveMM != mmX {
			t.Fatal("h does not borrow X")
		}
		count := r.S.MMs[mmX].Count
		n, err := r.Execve(0)
		r.do(err)
		r.counts(n, 1, 1)
		r.counts(mmX, 1, count-1)
		r.user(0)
		r.run(0, x)
		r.counts(mmX, 1, 1)
	})
}

func TestT4KthreadUseMM(t *testing.T) {
	onEach(t, 1, func(t *testing.T, r *rig) {
		k := r.kthread(0)
		m, mmM := r.process(0)
		x, mmX := r.process(0)
		r.run(0, k)
		r.counts(mmX, 1, 2)
		r.do(r.OnMM(0, "kthread_use_mm", mmM))
		r.counts(mmM, 1, 2)
		r.counts(mmX, 1, 1)
		r.do(r.Enter(0, "copy_from_user", machine.Frame{}))
		r.run(0, 0) // a switch from a user task, as far as the scheduler sees
		r.counts(mmM, 1, 3)
		r.run(0, k)
		r.do(r.Enter(0, "copy_from_user", machine.Frame{}))
		r.do(r.Enter(0, "kthread_unuse_mm", machine.Frame{}))
		r.counts(mmM, 1, 2)
		r.run(0, x)
		r.counts(mmM, 1, 1)
		r.run(0, m)
	})
}

func TestT5Threads(t *testing.T) {
	onEach(t, 2, func(t *testing.T, r *rig) {
		_, mm := r.process(0)
		a2 := r.fork(0, 1, kernel.CloneVM)
		r.run(1, a2)
		r.counts(mm, 2, 1)
		r.run(0, 0)
		r.do(r.Sleep(1, machine.TaskInterruptible, 1))
		r.counts(mm, 2, 3)
		r.run(0, a2)
		r.counts(mm, 2, 2)
		if r.S.Tasks[1].ActiveMM != mm {
			t.Error("CPU 1 still borrows")
		}
	})
}

// TestManyProcesses has more processes than 8 bits can tell apart, while one runs all the time.
func TestManyProcesses(t *testing.T) {
	for _, c := range configs(2) {
		t.Run(name(&c), func(t *testing.T) {
			c.ASIDBits, c.Tasks, c.MMs = 8, 400, 400
			r := newRig(t, c)
			_, mm := r.process(0)
			hw := r.S.ARM64[0].HWASID
			var all []machine.TaskID
			for range 300 {
				p, _ := r.process(1)
				all = append(all, p)
			}
			for range 2 {
				for _, p := range all {
					r.run(1, p)
				}
				r.user(0)
			}
			if r.Stats.Rollovers < 2 {
				t.Errorf("%d rollovers", r.Stats.Rollovers)
			}
			if r.S.ARM64[0].HWASID != hw || r.S.CPUs[0].Curr == 0 {
				t.Error("the running process lost its ASID")
			}
			r.run(0, 0)
			r.run(1, all[0])
			if r.S.MMs[mm].Alive == 0 {
				t.Error("P is gone")
			}
			r.ok()
		})
	}
}

func TestPairs(t *testing.T) {
	for _, c := range configs(2) {
		if !c.KPTI {
			continue
		}
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			_, a := r.process(0)
			_, b := r.process(1)
			if r.id(a)&1 != 0 || r.id(b)&1 != 0 {
				t.Errorf("ids %#x and %#x must be even: the odd number is the user's", r.id(a), r.id(b))
			}
			r.do(r.Enter(0, "copy_from_user", machine.Frame{}))
			tag := uint32(r.id(a) & 15)
			if r.S.Cached(0, tag) == nil || r.S.Cached(0, tag|1) == nil {
				t.Fatal("user and kernel each have entries of their own")
			}
			r.Push(0, r.Prog.Entry("unmap_region"), machine.Frame{N: machine.FlushAll})
			r.upTo(0, "dsb(ish)")
			if r.S.Cached(0, tag) != nil || r.S.Cached(0, tag|1) != nil {
				t.Error("munmap must invalidate both of the pair")
			}
			r.finish(0)
			r.ok()
		})
	}
}

func TestPinned(t *testing.T) {
	for _, c := range configs(2) {
		if c.Release < machine.V6_1 {
			continue
		}
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			p, mm := r.process(0)
			r.do(r.OnMM(0, "arm64_mm_context_get", mm))
			r.do(r.OnMM(0, "arm64_mm_context_get", mm))
			number := r.id(mm) & 15
			r.process(0)
			for range 3 {
				r.burn(1)
				r.process(0)
			}
			r.ok()
			r.run(0, p)
			r.want("the pinned number", r.id(mm)&15, number)
			r.do(r.OnMM(0, "arm64_mm_context_put", mm))
			r.process(0)
			r.burn(1)
			r.want("number in the map", r.S.ASIDMap[0]>>number&1, 1)
			r.do(r.OnMM(0, "arm64_mm_context_put", mm))
			r.process(0)
			r.burn(1)
			r.process(0)
			r.burn(1)
			r.want("pinned map", r.S.PinnedMap[0]>>number&1, 0)
			r.ok()
		})
	}
}

// TestPinnedLimit: with every ASID pinned that may be, a rollover still finds a free one.
func TestPinnedLimit(t *testing.T) {
	for _, c := range configs(2) {
		if c.Release < machine.V6_1 {
			continue
		}
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			pinned := 0
			for range 14 {
				_, mm := r.process(0)
				r.do(r.OnMM(0, "arm64_mm_context_get", mm))
				if r.S.MMs[mm].Pinned > 0 {
					pinned++
				}
			}
			want := 16 - 2 - 2
			if c.KPTI {
				want = 8 - 2 - 2
			}
			if pinned != want {
				t.Errorf("%d ASIDs are pinned, want %d", pinned, want)
			}
			r.burn(1)
			r.process(0)
			r.ok()
		})
	}
}

func TestInitMMLeavesASIDs(t *testing.T) {
	onEach(t, 2, func(t *testing.T, r *rig) {
		_, mm := r.process(1)
		r.run(1, 1)
		id := r.S.ARM64[1].ActiveASID
		r.do(r.Enter(1, "load_init_mm", machine.Frame{OldMM: mm, MM: machine.InitMM}))
		if r.S.CPUs[1].Root != machine.NoMM {
			t.Error("the reserved root should be loaded")
		}
		r.want("active ASID", r.S.ARM64[1].ActiveASID, id)
	})
}

func TestHotplug(t *testing.T) {
	onEach(t, 2, func(t *testing.T, r *rig) {
		p, _ := r.process(1)
		r.run(1, 1)
		r.do(r.Offline(1, 0))
		r.run(0, p)
		r.do(r.Online(1))
		r.process(1)
	})
}

func TestMunmapLimits(t *testing.T) {
	for _, c := range configs(2) {
		t.Run(name(&c), func(t *testing.T) {
			r := newRig(t, c)
			r.process(0)
			limit := int32(1024)
			if c.Release >= machine.V6_1 {
				limit = 511
			}
			whole, single := r.Stats.FullFlushes, r.Stats.RangedFlushes
			r.do(r.Munmap(0, limit, false))
			r.do(r.Munmap(0, limit+1, true))
			if r.Stats.RangedFlushes != single+1 || r.Stats.FullFlushes != whole+1 {
				t.Error("one munmap should go page by page, the other cost the ASID")
			}
			r.ok()
		})
	}
}
