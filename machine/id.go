package machine

// CPUID numbers a CPU from 0.
type CPUID int32

// TaskID is a slot in State.Tasks. Slots 0 to len(CPUs)-1 hold the idle tasks.
type TaskID int32

// MMID is a slot in State.MMs. Slot 0 holds init_mm.
type MMID int32

const (
	NoCPU  CPUID  = -1
	NoTask TaskID = -1
	NoMM   MMID   = -1

	// InitMM is init_mm: the kernel's own address space, which has no user half and is never freed.
	InitMM MMID = 0

	// SwitchingMM is x86's LOADED_MM_SWITCHING: loaded_mm while CR3 and loaded_mm may disagree.
	SwitchingMM MMID = -2
)
