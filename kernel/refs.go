package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// Who gives up an mm_users reference with mmput, in Frame.N.
const (
	putByOutsider int32 = iota // somebody outside the switch
	putByTask                  // a task that had the mm as its own
)

func grab(c *step.Ctx) {
	mm := c.MM(c.F.MM)
	if mm.Count <= 0 {
		c.Broken("I7", "mm_count was raised from zero: the mm_struct may be free already")
	}
	mm.Count++
	c.Stats.Grabs++
}

// drop takes one from mm_count and leaves in Val whether it was the last. It is a full barrier.
func drop(c *step.Ctx) {
	countDown(c)
	c.Barrier()
}

func countDown(c *step.Ctx) {
	mm := c.MM(c.F.MM)
	mm.Count--
	if mm.Count < 0 {
		c.Broken("I7", "mm_count fell below zero: a reference was dropped twice")
	}
	c.Stats.Drops++
	c.F.Val = truth(mm.Count == 0)
}

func truth(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

func wasLast(c *step.Ctx) bool { return c.F.Val == 1 }

// mmOf makes a callee work on the caller's OldMM.
func mmFromOld(f, callee *machine.Frame) { callee.MM = f.OldMM }

func asTask(_, callee *machine.Frame) { callee.N = putByTask }

var mmGrabWhy = "one more reference to the mm_struct and its root"

var refPaths = []*step.Path{
	{
		Name: "mmgrab", Until: machine.V5_0,
		Source: "open-coded in kernel/sched.c, kernel/sched/core.c, kernel/exit.c (2.6.32, 4.4)",
		Doc:    "Takes a reference to the mm_struct and its root, not to what is mapped. The named helper came with 4.11.",
		Body:   step.Seq{step.Do("atomic_inc(&mm->mm_count)", mmGrabWhy, grab)},
	},
	{
		Name: "mmgrab", Since: machine.V5_0,
		Source: "include/linux/sched/mm.h:mmgrab (5.0 to 7.3)",
		Doc:    "Takes a reference to the mm_struct and its root, not to what is mapped. It is no barrier.",
		Body:   step.Seq{step.Do("mmgrab", mmGrabWhy, grab)},
	},
	{
		Name:   "mmdrop",
		Source: "include/linux/sched/mm.h:mmdrop (4.20 to 7.3; include/linux/sched.h in 2.6.32 and 4.4)",
		Doc:    "Gives a reference back; the last one frees the root and the mm_struct. A full barrier.",
		Body: step.Seq{
			step.Do("atomic_dec_and_test", "one reference less; whoever takes the last one must free", drop),
			step.If("that was the last reference", wasLast, step.Then(step.Call("__mmdrop")), nil),
		},
	},
	{
		Name: "mmgrab_lazy_tlb", Since: machine.V6_12, Only: countsLazy,
		Source: "include/linux/sched/mm.h:mmgrab_lazy_tlb (6.12, 7.3, CONFIG_MMU_LAZY_TLB_REFCOUNT)",
		Doc:    "Counts a borrower.",
		Body:   step.Seq{step.Do("mmgrab", "the borrower's loan: the root must outlive its use", grab)},
	},
	{
		Name: "mmgrab_lazy_tlb", Since: machine.V6_12, Only: not(countsLazy),
		Source: "include/linux/sched/mm.h:mmgrab_lazy_tlb (6.12, 7.3, without CONFIG_MMU_LAZY_TLB_REFCOUNT)",
		Doc:    "Borrowers are not counted: the last mmdrop looks for them instead.",
		Body:   step.Seq{step.Do("mmgrab_lazy_tlb", "nothing is counted: the last mmdrop will ask every CPU", func(*step.Ctx) {})},
	},
	{
		Name: "mmdrop_lazy_tlb", Since: machine.V6_12, Only: countsLazy,
		Source: "include/linux/sched/mm.h:mmdrop_lazy_tlb (6.12, 7.3, CONFIG_MMU_LAZY_TLB_REFCOUNT)",
		Doc:    "A borrower repays.",
		Body:   step.Seq{step.Call("mmdrop")},
	},
	{
		Name: "mmdrop_lazy_tlb", Since: machine.V6_12, Only: not(countsLazy),
		Source: "include/linux/sched/mm.h:mmdrop_lazy_tlb (6.12, 7.3, without CONFIG_MMU_LAZY_TLB_REFCOUNT)",
		Doc:    "Nothing was counted, but callers rely on the barrier that the count would have been.",
		Body:   step.Seq{step.Do("smp_mb", "the barrier is part of the contract even when nothing is counted", (*step.Ctx).Barrier)},
	},
	{
		Name:   "mmget",
		Source: "include/linux/sched/mm.h:mmget (4.20 to 7.3; open-coded before 4.11)",
		Doc:    "One more user of the address space. The caller already has one. Departs: taken here by somebody outside the switch.",
		Body: step.Seq{step.Do("mmget", "one more user of what is mapped", func(c *step.Ctx) {
			mm := c.MM(c.F.MM)
			if mm.Users <= 0 {
				c.Broken("I7", "mm_users was raised from zero: the mappings are gone; mmget_not_zero would have refused")
			}
			mm.Users++
			mm.ExtUsers++
		})},
	},
	{
		Name:   "mmget_not_zero",
		Source: "include/linux/sched/mm.h:mmget_not_zero (4.20 to 7.3; open-coded before 4.11)",
		Doc:    "One more user, unless there is none left. For whoever holds only a reference to the mm_struct. Val says whether it was given.",
		Body: step.Seq{step.Do("mmget_not_zero", "a user more only if the mappings still exist", func(c *step.Ctx) {
			mm := c.MM(c.F.MM)
			c.F.Val = truth(mm.Users > 0)
			if mm.Users > 0 {
				mm.Users++
				mm.ExtUsers++
			}
		})},
	},
	{
		Name:   "grab_outside",
		Source: "mmgrab by /proc readers, khugepaged, io_uring, KVM … (see docs/scenarios.md)",
		Doc:    "A reference taken by somebody outside the switch. Ours: kept apart so that the ledger adds up.",
		Body: step.Seq{step.Do("mmgrab", "somebody outside the switch holds the mm_struct", func(c *step.Ctx) {
			grab(c)
			c.MM(c.F.MM).ExtCount++
		})},
	},
	{
		Name:   "drop_outside",
		Source: "mmdrop by /proc readers, khugepaged, io_uring, KVM … (see docs/scenarios.md)",
		Doc:    "The end of a reference that somebody outside the switch took.",
		Body: step.Seq{
			step.Do("atomic_dec_and_test", "somebody outside the switch lets go of the mm_struct", func(c *step.Ctx) {
				c.MM(c.F.MM).ExtCount--
				drop(c)
			}),
			step.If("that was the last reference", wasLast, step.Then(step.Call("__mmdrop")), nil),
		},
	},
	{
		Name:   "mmput",
		Source: "kernel/fork.c:mmput (2.6.32 to 7.3)",
		Doc:    "One user less; the last one tears the mappings down.",
		Body: step.Seq{
			step.Do("atomic_dec_and_test", "one user less; the last one tears the mappings down", func(c *step.Ctx) {
				mm := c.MM(c.F.MM)
				mm.Users--
				if mm.Users < 0 {
					c.Broken("I7", "mm_users fell below zero")
				}
				if c.F.N == putByTask {
					mm.Tasks--
				} else {
					mm.ExtUsers--
				}
				c.Barrier()
				c.F.Val = truth(mm.Users == 0)
			}),
			step.If("that was the last user", wasLast, step.Then(step.Call("__mmput")), nil),
		},
	},
	{
		Name:   "__mmput",
		Source: "kernel/fork.c:__mmput (2.6.32 to 7.3)",
		Doc:    "Users reached zero: frees what is mapped and all page tables below the root, then gives up the one mm_count reference that all users shared. Departs: uprobes, AIO, KSM, khugepaged and the like hold nothing that a switch could see.",
		Body: step.Seq{
			step.Call("exit_mmap"),
			step.Do("mmdrop", "all users together were one reference to the mm_struct", func(c *step.Ctx) {
				c.MM(c.F.MM).Alive &^= machine.HasUserRef
				drop(c)
			}),
			step.If("that was the last reference", wasLast, step.Then(step.Call("__mmdrop")), nil),
		},
	},
	{
		Name:   "__mmdrop",
		Source: "kernel/fork.c:__mmdrop (2.6.32 to 7.3)",
		Doc:    "Count reached zero: frees the root and the mm_struct.",
		Body: step.Seq{
			step.Do("BUG_ON(mm == &init_mm)", "init_mm is static: its last reference must never go", func(c *step.Ctx) {
				if c.F.MM == machine.InitMM {
					c.Broken("I7", "the last reference to init_mm was dropped")
				}
				if c.Task().MM == c.F.MM {
					c.Broken("I8", "the running task's own mm_struct is being freed")
				}
			}),
			step.Call("cleanup_lazy_tlbs"),
			step.Do("mm_free_pgd", "the root goes: no CPU may stand on it and no one may borrow it", freeRoot),
			step.Call("destroy_context"),
			step.Do("free_mm", "the mm_struct goes", func(c *step.Ctx) {
				c.MM(c.F.MM).Alive &^= machine.HasStruct
				c.Stats.MMsFreed++
			}),
		},
	},
}

func countsLazy(c *machine.Config) bool { return c.Lazy != machine.LazyShootdown }

func not(f func(*machine.Config) bool) func(*machine.Config) bool {
	return func(c *machine.Config) bool { return !f(c) }
}

func freeRoot(c *step.Ctx) {
	m := c.F.MM
	c.MM(m).Alive &^= machine.HasRoot
	for i := range c.S.CPUs {
		cpu := &c.S.CPUs[i]
		if !cpu.Online {
			continue
		}
		if cpu.Root == m {
			c.Broken("I8", "a page-table root was freed while a CPU has it loaded")
		}
		if c.S.Tasks[cpu.Curr].ActiveMM == m {
			c.Broken("I8", "a page-table root was freed while the running task of a CPU borrows it")
		}
		if cpu.PrevMM == m {
			c.Broken("I8", "a page-table root was freed while rq->prev_mm still names it")
		}
	}
}
