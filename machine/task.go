package machine

// TaskState is task->__state.
type TaskState uint32

const (
	TaskRunning         TaskState = 0
	TaskInterruptible   TaskState = 1
	TaskUninterruptible TaskState = 2
	TaskDead            TaskState = 0x80  // TASK_DEAD, by its value since 4.14
	TaskWaking          TaskState = 0x200 // TASK_WAKING
	TaskNew             TaskState = 0x800 // TASK_NEW
)

func (t TaskState) String() string {
	switch t {
	case TaskRunning:
		return "running"
	case TaskInterruptible:
		return "interruptible"
	case TaskUninterruptible:
		return "uninterruptible"
	case TaskDead:
		return "dead"
	case TaskWaking:
		return "waking"
	case TaskNew:
		return "new"
	}
	return "mixed"
}

// TaskKind is what a slot of State.Tasks holds.
type TaskKind uint8

const (
	FreeTask   TaskKind = iota
	UserTask            // runs in user mode once it has an mm
	KernelTask          // PF_KTHREAD
	IdleTask            // PF_IDLE, one a CPU
)

// Task is a task_struct with the fields that a switch reads or writes.
type Task struct {
	MM       MMID      `name:"mm"`        // task->mm, NoMM for NULL
	ActiveMM MMID      `name:"active_mm"` // task->active_mm, NoMM for NULL
	CPU      CPUID     `name:"cpu"`
	State    TaskState `name:"__state"`

	Usage     int32 `name:"usage"`          // task->usage
	RCUUsers  int32 `name:"rcu_users"`      // task->rcu_users, since 5.4
	StackRefs int32 `name:"stack_refcount"` // task->stack_refcount, since 4.9

	Kind    TaskKind `name:"kind"`
	OnRQ    uint8    `name:"on_rq"` // 0, OnRQQueued or OnRQMigrating
	OnCPU   bool     `name:"on_cpu"`
	Depth   uint8    `name:"stack depth"`    // live frames of the kernel stack
	UsingMM bool     `name:"kthread_use_mm"` // a kernel task inside kthread_use_mm
	Zombie  bool     `name:"exit_state"`     // exit_state is set: exit_notify ran
	// SignalPending lets __schedule keep the task running instead of blocking it.
	SignalPending bool `name:"signal_pending"`
	StackFreed    bool `name:"stack freed"`

	PiLockedBy CPUID  `name:"pi_lock"`                // holder of p->pi_lock, or NoCPU
	WakeCPU    CPUID  `name:"wake_entry"`             // the task is on the wake list of that CPU, or NoCPU
	Vfork      TaskID `name:"vfork_done"`             // who waits for this task's vfork_done, or NoTask
	Serial     uint32 `name:"serial"`                 // never given out twice
	FPOwner    CPUID  `name:"fpsimd_cpu"`             // arm64 fpsimd_cpu: the CPU that last held the FP state
	SavedMM    MMID   `name:"thread_info.ttbr0.mm"`   // arm64 SW PAN: whose root thread_info.ttbr0 holds; NoMM for the reserved one
	SavedTag   uint32 `name:"thread_info.ttbr0.asid"` // arm64 SW PAN: the ASID in thread_info.ttbr0
	Flags      uint32 `name:"thread_info.flags,hex"`
}

// Values of Task.OnRQ.
const (
	OnRQQueued    = 1 // TASK_ON_RQ_QUEUED
	OnRQMigrating = 2 // TASK_ON_RQ_MIGRATING, since 3.18: between two queues
)

// Flags of arm64 in Task.Flags.
const (
	TIFForeignFPState = 1 << iota // TIF_FOREIGN_FPSTATE: the FP registers do not hold this task's user state
	TIFKernelFPState              // TIF_KERNEL_FPSTATE, since 6.8: the task uses the FP registers in the kernel
)

// TIFNeedFPULoad is x86's TIF_NEED_FPU_LOAD in Task.Flags, since 5.2: the FPU registers do not hold the task's state.
const TIFNeedFPULoad = 1

// IsUser tells whether context_switch treats the task as a user task: the scheduler looks at mm
// alone, so a kernel task inside kthread_use_mm is one and an exiting task is not.
func (t *Task) IsUser() bool { return t.MM != NoMM }
