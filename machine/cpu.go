package machine

// CPU is a processor with its run queue (struct rq).
type CPU struct {
	// Registers.
	Stack   TaskID // whose kernel stack the stack pointer is in
	Current TaskID // current: sp_el0, current_task, or the thread_info below the stack pointer
	Root    MMID   // whose page-table root is loaded: CR3, TTBR0. NoMM: arm64's reserved TTBR0

	// struct rq.
	Curr            TaskID // rq->curr
	Idle            TaskID // rq->idle
	PrevMM          MMID   // rq->prev_mm: the loan that finish_task_switch repays
	LockedBy        CPUID  // holder of rq->lock, or NoCPU
	Pick            TaskID // what the scheduling class would choose; an input. NoTask: undecided
	MembarrierState uint32 // rq->membarrier_state, since 5.4

	Preempt     uint8 // preempt_count, without the interrupt parts
	IRQOff      bool
	NeedResched bool
	Online      bool

	// Full barriers, as membarrier(2) needs them around the store to rq->curr (I21).
	BarrierSinceUser bool // one ran after the last access from user mode
	BarrierSinceCurr bool // one ran after rq->curr was stored
	InSwitch         bool // between the start of context_switch and the end of finish_task_switch
	SyncCore         bool // a core-serialising instruction ran after the last return to user mode

	// What this CPU asks others to do, and waits for (smp_call_function_many with wait).
	Call CallKind
	_    [3]uint8

	CallMM     MMID
	CallPages  int32  // pages to flush; FlushAll for everything
	CallGen    uint64 // x86: the tlb_gen that the flush brings the CPU to
	CallChange uint32 // the page-table change that the flush is for (see MM.Changes)
	CallTables uint32 // its number among those that free page tables, 0 for none
}

// CallKind is the function of a cross-CPU call.
type CallKind uint8

const (
	NoCall           CallKind = iota
	CallFlushTLB              // flush_tlb_func
	CallShootLazies           // do_shoot_lazy_tlb
	CallMembarrier            // ipi_mb
	CallSyncCore              // ipi_sync_core
	CallMembarrierRq          // ipi_sync_rq_state
)

// FlushAll as a number of pages means the whole address space.
const FlushAll int32 = -1
