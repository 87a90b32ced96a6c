package kernel

import "switchyard/machine"

// ReleaseNote says what a modelled release changed.
type ReleaseNote struct {
	Release machine.Release
	Year    int
	Read    string   // the trees that were read
	Changes []string // against the release before, each with the version that it came with
}

// ReleaseNotes tells what changed when, oldest first.
func ReleaseNotes() []ReleaseNote {
	return []ReleaseNote{
		{machine.V2_6_32, 2009, "2.6.32.67", []string{
			"context_switch takes a reference for every borrower and drops prev's afterwards, even from one kernel task to the next",
			"no on_cpu on x86: the run-queue lock, held across the whole switch, keeps others away from prev (arm lets go of it before, and has oncpu)",
			"try_to_wake_up takes the sleeper's run-queue lock, and so waits for the switch",
			"x86: one root, no PCID; a lazy CPU that gets a flush interrupt leaves the address space (leave_mm)",
		}},
		{machine.V4_4, 2016, "4.4.1", []string{
			"on_cpu says whether the switch away from a task is over (3.0 on every architecture); wakers wait for it",
			"on_cpu is cleared with a store-release, so that prev_state is really read before (4.3, 95913d97914f: a dead task could be put twice)",
			"a dying task waits for a waker that may still overwrite TASK_DEAD (2012)",
			"arm64: ASID allocator without interrupts at rollover; the ASID lives in TTBR0; its fast path uses xchg",
			"trace_sched_switch fires in __schedule, before context_switch (4.4)",
		}},
		{machine.V5_0, 2019, "4.19.0, 4.20.0, 5.4.18", []string{
			"mmgrab and mmget have names (4.11), mmdrop had one; switch_mm_irqs_off (4.7)",
			"kernel stacks have a reference count of their own, and do_task_dead a name (4.9)",
			"new tasks are TASK_NEW until they are queued (4.8)",
			"a dying CPU's idle task stands on init_mm instead of a stale pointer (4.19)",
			"membarrier's private expedited command (4.14) and its sync-core form (4.16) rely on barriers around rq->curr",
			"x86: PCID with six slots and tlb_gen (4.14); page-table isolation (4.15); lazy CPUs skip flush interrupts unless page tables are freed (4.20)",
			"arm64: the ASID moves to TTBR1, ASIDs come in pairs with KPTI, software PAN (4.10 to 4.16); the fast path uses cmpxchg (4.16); CnP (4.20)",
		}},
		{machine.V6_1, 2022, "5.10.262, 5.15.100, 6.1.192", []string{
			"from kernel task to kernel task the reference moves on and no count changes (5.4)",
			"a task_struct begins with rcu_users = 2 and usage = 1 (5.4)",
			"the wake list takes sleepers that are still being switched away from; TASK_WAKING comes before the wait for on_cpu (5.8)",
			"membarrier: each run queue has a copy of what its mm registered for (5.4); sync-core serialises the cores that it asks, and the caller's (December 2020)",
			"exec changes active_mm with interrupts off (5.10); exit_mm and kthread_use_mm have the barriers that membarrier needs (5.11)",
			"a dying CPU's loan is dropped by finish_cpu on another CPU (5.8); kthread_use_mm runs with interrupts off (5.9)",
			"arm64: pinned ASIDs (5.10), the generation step is 1 << 16 (stable fix)",
			"x86: one concurrent call covers local and remote flushes (5.13); a flush that is already satisfied is skipped",
		}},
		{machine.V6_12, 2024, "6.6.9, 6.12.117", []string{
			"lazy references have names, mmgrab_lazy_tlb and mmdrop_lazy_tlb, and can be replaced by a shootdown (6.4)",
			"kthread_use_mm always takes a real reference and gives its loan back (6.4)",
			"switch_mm_cid gives each thread a per-mm CPU id (6.3), with barriers of its own (6.4)",
			"__schedule takes a sleeper off its queue by block_task, which may leave it there for a while (sched_delayed, 6.12); the machine takes it off at once",
			"arm64: one isb in cpu_do_switch_mm (6.6)",
		}},
		{machine.V7_3, 2026, "7.3.4", []string{
			"x86: prev's bit in mm_cpumask is not cleared at a switch; the first flush that finds it stale trims it (6.14)",
			"x86: exec activates the new address space with interrupts off",
			"x86: __switch_to saves prev's FPU registers and marks prev as the one that has to load them again; before it marked next",
			"who waits for other CPUs to answer a call may be preempted and moved meanwhile (smp_call_function_many_cond, 2026); on x86 who flushes may be so before it asks as well, and flush_tlb_info is on its stack",
			"x86: AMD's CPUs may share ASIDs and flush by broadcast (4afeb0ed1753); not in the machine",
			"arm64: __switch_to begins with a look whether interrupts are off (debug_switch_state)",
			"a CPU that goes offline is put on init_mm by its hotplug thread, before it leaves the cpumasks (21641bd9a7a7)",
			"mm_cid_switch_to replaces switch_mm_cid, and the barriers are gone",
			"sched_process_exit fires before exit_mm",
		}},
	}
}
