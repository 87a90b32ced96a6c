package tape

// Kind is what an event says happened.
type Kind uint8

// The kinds, in the order of the file's dictionary. Which fields count is listed with each.
const (
	Switch          Kind = iota // Prev, Next, Active of Prev, User of Next, CPU's hardware fields
	Fork                        // Prev made Next, whose address space is User
	Exec                        // Prev runs a new program in User; Arg is its pid before
	Exit                        // Prev exits; User is its address space if it still has it
	Free                        // Prev's task_struct is freed
	PrepareExec                 // Prev is about to exec and will have User
	ExitMmap                    // User's mappings are gone; Prev is who took them down
	Rename                      // Prev is called Comm from now on
	Snapshot                    // Prev exists; Arg is its parent's pid
	Ready                       // the snapshot is complete
	Lost                        // Arg events were dropped since the last such row
	Gap                         // a switch on CPU was not seen: Prev was switched to, and is not who leaves now
	Slot                        // x86: ctxs[ASID] of CPU is Active.Ctx and SlotGen, which the switches so far do not say
	InvalidateOther             // x86: invalidate_other of CPU is set: the next choice of a slot forgets all but the loaded one
	kinds
)

// firstKinds is how many the first recordings knew.
const firstKinds = Gap + 1

var kindNames = [kinds]string{"switch", "fork", "exec", "exit", "free", "prepare_exec", "exit_mmap", "rename", "snapshot", "ready", "lost", "gap",
	"slot", "invalidate_other"}

func (k Kind) String() string {
	if k < kinds {
		return kindNames[k]
	}
	return "unknown"
}

// MMID names an address space within one file: 0 is NULL, 1 is init_mm, others are numbered as they appear. The
// kernel's addresses are not written down. A number may be used again after its address space is gone.
type MMID uint32

// The address spaces with fixed numbers.
const (
	NoMM   MMID = 0
	InitMM MMID = 1
)

// Event is one row. A reader fills the same Event again and again.
type Event struct {
	Kind    Kind
	Preempt bool
	CPU     uint16
	Time    int64 // ns, CLOCK_MONOTONIC
	Arg     uint32

	Prev, Next   Task
	Active, User MM // Prev's active_mm, Next's mm in a switch and the child's in a fork

	// What the CPU keeps about address spaces, before the switch; where Known says so.
	Known    Known
	Lazy     bool // x86 cpu_tlbstate_shared.is_lazy
	ASID     uint16
	NextASID uint16
	LoadedMM MMID   // x86 cpu_tlbstate.loaded_mm
	SlotGen  uint64 // x86 cpu_tlbstate.ctxs[ASID].tlb_gen

	ActiveASID   uint64 // arm64 active_asids
	ReservedASID uint64 // arm64 reserved_asids
	Generation   uint64 // arm64 asid_generation, 0 where it cannot be read

	Comm string // the task's, or the child's; empty for switches
}

// Known says which hardware fields of a switch were read.
type Known uint8

// The bits of Known.
const (
	KnownTLB  Known = 1 << iota // LoadedMM, ASID, NextASID, SlotGen
	KnownLazy                   // Lazy
	KnownASID                   // ActiveASID, ReservedASID
)

// Task is what an event tells of a task, in the kernel's words.
type Task struct {
	PID, TGID uint32
	Flags     uint32 // task->flags
	State     uint32 // task->__state
	MM        MMID   // task->mm
	ActiveMM  MMID   // task->active_mm; of the next task before it has one, NoMM
}

// The task flags that matter to whoever reads a recording (include/linux/sched.h).
const (
	FlagIdle    = 0x00000002 // PF_IDLE
	FlagExiting = 0x00000004 // PF_EXITING
	FlagKthread = 0x00200000 // PF_KTHREAD
)

// MM is an address space as an event finds it.
type MM struct {
	ID    MMID
	Users int32
	Count int32
	Ctx   uint64 // x86 context.ctx_id, arm64 context.id
	Gen   uint64 // x86 context.tlb_gen
}
