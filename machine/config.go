package machine

import (
	"fmt"
	"strings"
)

// Arch names a port.
type Arch uint8

const (
	ARM64 Arch = iota
	X86
	Classic
)

var archNames = [...]string{"arm64", "x86-64", "classic"}

func (a Arch) String() string {
	if int(a) < len(archNames) {
		return archNames[a]
	}
	return fmt.Sprintf("Arch(%d)", uint8(a))
}

// ParseArch reads an architecture by its name; it also takes the names that uname and Debian use.
func ParseArch(name string) (Arch, error) {
	switch name {
	case "arm64", "aarch64":
		return ARM64, nil
	case "x86-64", "x86_64", "x86", "amd64":
		return X86, nil
	case "classic", "i386", "arm":
		return Classic, nil
	}
	return 0, fmt.Errorf("unknown architecture %q: choose one of %s", name, strings.Join(archNames[:], ", "))
}

// LazyMode says how a kernel task's borrowed address space is kept alive.
type LazyMode uint8

const (
	// LazyRefcount counts every borrower in mm_count (CONFIG_MMU_LAZY_TLB_REFCOUNT).
	LazyRefcount LazyMode = iota
	// LazyShootdown counts no borrower; the last mmdrop interrupts whoever still borrows
	// (CONFIG_MMU_LAZY_TLB_SHOOTDOWN, since 6.4).
	LazyShootdown
	// LazyOff lets no kernel task borrow: a switch to one loads init_mm. No release is built
	// this way; it is the other half of the question what borrowing saves.
	LazyOff
)

var lazyNames = [...]string{"refcount", "shootdown", "off"}

func (l LazyMode) String() string {
	if int(l) < len(lazyNames) {
		return lazyNames[l]
	}
	return fmt.Sprintf("LazyMode(%d)", uint8(l))
}

// ParseLazyMode reads a lazy mode by its name.
func ParseLazyMode(name string) (LazyMode, error) {
	for i, n := range lazyNames {
		if n == name {
			return LazyMode(i), nil
		}
	}
	return 0, fmt.Errorf("unknown lazy mode %q: choose one of %s", name, strings.Join(lazyNames[:], ", "))
}

// Config says what machine is built. It never changes while the machine runs.
type Config struct {
	Release Release
	Arch    Arch
	Lazy    LazyMode

	CPUs       int // 1 to MaxCPUs
	Tasks      int // capacity, the idle tasks included
	MMs        int // capacity, init_mm included
	StackDepth int // frames a kernel stack can hold; 0 means DefaultStackDepth
	TLBSlots   int // TLB model entries of each CPU; 0 means as the port asks

	// Registers runs the register switch as the machine code that it is, on a register file and memory,
	// and keeps what __switch_to moves beside it. Off, a switch hands over a stack as data: the same
	// results, much faster.
	Registers bool
	// FPSIMD follows, of all that Registers does, the vector registers alone (arm64): what is in them is one
	// word, whose values and which of them. It is for checking.
	FPSIMD bool

	// Memory says when stores become visible to other CPUs, as far as membarrier counts on it. For checkers:
	// only a machine with store buffers can show that a barrier is missing.
	Memory MemoryOrder

	// x86.
	PCID bool // process-context identifiers: six slots a CPU
	PTI  bool // kernel page-table isolation: a second, user root and PCID for each mm

	// arm64.
	ASIDBits uint8 // 8 or 16; smaller ones make small machines for checking
	KPTI     bool  // CONFIG_UNMAP_KERNEL_AT_EL0 in use: ASIDs come in pairs
	CnP      bool  // TLB entries are shared between CPUs
	PAN      bool  // CONFIG_ARM64_SW_TTBR0_PAN: TTBR0 holds the user root only while the kernel accesses user memory
	// EntryCode runs the entry code and access to user memory register by register, with interrupts between. It
	// is for checking.
	EntryCode bool
}

const (
	MaxCPUs           = 1024
	DefaultStackDepth = 14
	maxSlots          = 1 << 22
)

// Validate says what in c cannot be built, in words for the person who asked for it.
func (c *Config) Validate() error {
	switch {
	case c.Release > Newest:
		return fmt.Errorf("unknown release number %d", c.Release)
	case c.CPUs < 1 || c.CPUs > MaxCPUs:
		return fmt.Errorf("cpus = %d: a machine has 1 to %d CPUs", c.CPUs, MaxCPUs)
	case c.Tasks < c.CPUs || c.Tasks > maxSlots:
		return fmt.Errorf("room for %d tasks: need at least one idle task for each of %d CPUs and at most %d", c.Tasks, c.CPUs, maxSlots)
	case c.MMs < 1 || c.MMs > maxSlots:
		return fmt.Errorf("room for %d address spaces: need 1 (init_mm) to %d", c.MMs, maxSlots)
	case c.Lazy == LazyShootdown && c.Release < V6_12:
		return fmt.Errorf("lazy = shootdown needs release 6.12 or newer (Linux has it since 6.4), not %s", c.Release)
	case c.Arch == ARM64 && (c.ASIDBits < 2 || c.ASIDBits > 16):
		return fmt.Errorf("asid_bits = %d: arm64 CPUs have 8 or 16; the machine takes 2 to 16", c.ASIDBits)
	case c.Arch == X86 && c.PCID && c.Release < V5_0:
		return fmt.Errorf("pcid needs release 5.0 or newer (Linux has it since 4.14), not %s", c.Release)
	case c.Arch == X86 && c.PTI && c.Release < V5_0:
		return fmt.Errorf("pti needs release 5.0 or newer (Linux has it since 4.15), not %s", c.Release)
	case c.Arch == ARM64 && c.Release < V4_4:
		return fmt.Errorf("arm64 needs release 4.4 or newer (the port came with 3.7), not %s", c.Release)
	case c.Arch == ARM64 && (c.KPTI || c.CnP || c.PAN) && c.Release < V5_0:
		return fmt.Errorf("kpti, cnp and pan need release 5.0 or newer, not %s", c.Release)
	case c.Memory > WeakStores:
		return fmt.Errorf("unknown memory order %d", c.Memory)
	case c.Memory != Sequential && c.Tasks > MaxBufferedTasks:
		return fmt.Errorf("room for %d tasks: a machine with store buffers takes at most %d", c.Tasks, MaxBufferedTasks)
	case c.FPSIMD && (c.Registers || c.Arch != ARM64):
		return fmt.Errorf("fpsimd: vector registers alone are followed on arm64, and without registers, which have them")
	case c.EntryCode && (c.Arch != ARM64 || !c.KPTI):
		return fmt.Errorf("the entry code is followed on arm64 with kpti")
	case c.Registers && c.Arch == Classic:
		return fmt.Errorf("registers: machine code is run on arm64 and x86-64, not on %s", c.Arch)
	}
	return nil
}
