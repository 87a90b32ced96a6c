package machine

// CPU is a processor with its run queue (struct rq).
type CPU struct {
	// Registers.
	Stack   TaskID `name:"stack"`   // whose kernel stack the stack pointer is in
	Current TaskID `name:"current"` // current: sp_el0, current_task, or the thread_info below the stack pointer
	Root    MMID   `name:"root"`    // whose page-table root is loaded: CR3, TTBR0. NoMM: arm64's reserved TTBR0

	// struct rq.
	Curr            TaskID `name:"rq->curr"`             // rq->curr
	Idle            TaskID `name:"rq->idle"`             // rq->idle
	PrevMM          MMID   `name:"rq->prev_mm"`          // rq->prev_mm: the loan that finish_task_switch repays
	LockedBy        CPUID  `name:"rq->lock"`             // holder of rq->lock, or NoCPU
	Pick            TaskID `name:"next pick"`            // what the scheduling class would choose; an input. NoTask: undecided
	MembarrierState uint32 `name:"rq->membarrier_state"` // rq->membarrier_state, since 5.4

	Preempt     uint8 `name:"preempt_count"` // preempt_count, without the interrupt parts
	IRQOff      bool  `name:"irqs_disabled"`
	NeedResched bool  `name:"need_resched"`
	Online      bool  `name:"online"`

	// Full barriers, as membarrier(2) needs them around the store to rq->curr (I21).
	BarrierSinceUser bool `name:"barrier since user access"` // one ran after the last access from user mode
	BarrierSinceCurr bool `name:"barrier since rq->curr"`    // one ran after rq->curr was stored
	InSwitch         bool `name:"in context_switch"`         // between the start of context_switch and the end of finish_task_switch
	SyncCore         bool `name:"core serialised"`           // a core-serialising instruction ran after the last return to user mode

	// What this CPU asks others to do, and waits for (smp_call_function_many with wait).
	Call CallKind `name:"call"`

	BarrierSinceCall bool `name:"barrier since membarrier"` // a full barrier ran here since a membarrier call began (I22)
	Serialised       bool `name:"serialised"`               // a core-serialising instruction ran; taken back where there are store buffers
	_                [1]uint8

	CallMM     MMID   `name:"call.mm"`
	CallPages  int32  `name:"call.pages"`   // pages to flush; FlushAll for everything
	CallGen    uint64 `name:"call.tlb_gen"` // x86: the tlb_gen that the flush brings the CPU to
	CallChange uint32 `name:"call.change"`  // the page-table change that the flush is for (see MM.Changes)
	CallTables uint32 `name:"call.tables"`  // its number among those that free page tables, 0 for none
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
