package machine

import (
	"bytes"
	"math/bits"

	"github.com/zeebo/xxh3"

	"switchyard/machine/mem"
)

// State is a whole machine at one instant.
type State struct {
	Config Config

	Global *Global
	CPUs   []CPU
	Tasks  []Task
	MMs    []MM
	Frames []Frame // kernel stacks, Config.StackDepth frames a task
	TLBs   []TLBEntry

	X86   []X86CPU   // for each CPU, on x86 only
	ARM64 []ARM64CPU // for each CPU, on arm64 only

	Buffers []StoreBuffer // for each CPU, unless Config.Memory is Sequential

	// With Config.Registers only: register files of CPUs, what tasks have saved, and the memory in which
	// machine code finds it.
	ARM64Regs    []ARM64Registers
	ARM64Threads []ARM64Thread
	ARM64PtRegs  []ARM64PtRegs
	ARM64Users   []ARM64User

	// With Config.FPSIMD only: the vector registers of CPUs, and what tasks have saved of theirs.
	ARM64Vectors   []ARM64Vectors
	ARM64FPThreads []ARM64FPThread

	X86Regs    []X86Registers
	X86PerCPUs []X86PerCPU
	X86Threads []X86Thread
	X86Stacks  []X86Stack
	X86Users   []X86User
	Mem        *mem.Memory

	ASIDMap   []uint64 // arm64 asid_map
	PinnedMap []uint64 // arm64 pinned_asid_map

	masks  []uint64 // mm_cpumask of every mm
	calls  []uint64 // for each CPU, the CPUs whose call it has yet to run
	wakers []uint64 // CPUs with a task on their wake list

	maskWords  int
	stackDepth int
	touched    uint64 // whose frames were asked for; no part of the state

	// block is the whole machine in memory, head all of it but the stacks. Of these only the live frames
	// are part of the state: copies, comparisons and digests go over head and them.
	block arena
	head  []uint64
}

// New builds a machine of the given shape with nothing in it but zeroes: kernel.Boot brings it up.
func New(c Config) (*State, error) {
	if c.StackDepth == 0 {
		c.StackDepth = DefaultStackDepth
	}
	if c.TLBSlots == 0 {
		c.TLBSlots = 1
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return layOut(c), nil
}

func layOut(c Config) *State {
	s := &State{Config: c, maskWords: (c.CPUs + 63) / 64, stackDepth: c.StackDepth}
	x86, arm, asidWords := 0, 0, 0
	switch c.Arch {
	case X86:
		x86 = c.CPUs
	case ARM64:
		arm, asidWords = c.CPUs, (1<<c.ASIDBits+63)/64
	}
	buffers := 0
	if c.Memory != Sequential {
		buffers = c.CPUs
	}
	armRegs, armThreads, x86Regs, x86Threads := 0, 0, 0, 0
	if c.Registers {
		switch c.Arch {
		case ARM64:
			armRegs, armThreads = c.CPUs, c.Tasks
		case X86:
			x86Regs, x86Threads = c.CPUs, c.Tasks
		}
	}
	vectors, fpThreads := 0, 0
	if c.FPSIMD {
		vectors, fpThreads = c.CPUs, c.Tasks
	}
	tlbs := c.CPUs * c.TLBSlots
	words := wordsFor[Global](1) + wordsFor[CPU](c.CPUs) + wordsFor[Task](c.Tasks) + wordsFor[MM](c.MMs) +
		wordsFor[Frame](c.Tasks*c.StackDepth) + wordsFor[TLBEntry](tlbs) +
		wordsFor[X86CPU](x86) + wordsFor[ARM64CPU](arm) + wordsFor[StoreBuffer](buffers) + 2*asidWords +
		wordsFor[ARM64Registers](armRegs) + wordsFor[ARM64Thread](armThreads) + wordsFor[ARM64PtRegs](armThreads) +
		wordsFor[ARM64User](armThreads) + wordsFor[ARM64Vectors](vectors) + wordsFor[ARM64FPThread](fpThreads) +
		wordsFor[X86Registers](x86Regs) + wordsFor[X86PerCPU](x86Regs) + wordsFor[X86Thread](x86Threads) +
		wordsFor[X86Stack](x86Threads) + wordsFor[X86User](x86Threads) +
		s.maskWords*(c.MMs+c.CPUs+1)
	s.block = arena{words: make([]uint64, words)}
	a := &s.block
	s.Global = &carve[Global](a, 1)[0]
	s.CPUs = carve[CPU](a, c.CPUs)
	s.X86 = carve[X86CPU](a, x86)
	s.ARM64 = carve[ARM64CPU](a, arm)
	s.Buffers = carve[StoreBuffer](a, buffers)
	s.ARM64Regs = carve[ARM64Registers](a, armRegs)
	s.ARM64Threads = carve[ARM64Thread](a, armThreads)
	s.ARM64PtRegs = carve[ARM64PtRegs](a, armThreads)
	s.ARM64Users = carve[ARM64User](a, armThreads)
	s.ARM64Vectors = carve[ARM64Vectors](a, vectors)
	s.ARM64FPThreads = carve[ARM64FPThread](a, fpThreads)
	s.X86Regs = carve[X86Registers](a, x86Regs)
	s.X86PerCPUs = carve[X86PerCPU](a, x86Regs)
	s.X86Threads = carve[X86Thread](a, x86Threads)
	s.X86Stacks = carve[X86Stack](a, x86Threads)
	s.X86Users = carve[X86User](a, x86Threads)
	s.Tasks = carve[Task](a, c.Tasks)
	s.MMs = carve[MM](a, c.MMs)
	s.ASIDMap = carve[uint64](a, asidWords)
	s.PinnedMap = carve[uint64](a, asidWords)
	s.masks = carve[uint64](a, s.maskWords*c.MMs)
	s.calls = carve[uint64](a, s.maskWords*c.CPUs)
	s.wakers = carve[uint64](a, s.maskWords)
	s.TLBs = carve[TLBEntry](a, tlbs)
	s.head = a.words[:a.used]
	s.Frames = carve[Frame](a, c.Tasks*c.StackDepth)
	if armRegs > 0 {
		s.mapARM64()
	}
	if x86Regs > 0 {
		s.mapX86()
	}
	return s
}

// CopyFrom makes s equal to o, which must have the same Config.
func (s *State) CopyFrom(o *State) {
	if s.Config != o.Config {
		panic("machine: CopyFrom between machines of different shape")
	}
	copy(s.head, o.head)
	for t := range s.Tasks {
		if s.Tasks[t].Depth != 0 {
			copy(s.Stack(TaskID(t)), o.Live(TaskID(t)))
		}
	}
}

// Clone returns an independent copy.
func (s *State) Clone() *State {
	c := layOut(s.Config)
	c.CopyFrom(s)
	return c
}

// Equal reports whether two machines of one shape are in the same state.
func (s *State) Equal(o *State) bool {
	if s.Config != o.Config || !bytes.Equal(asBytes(s.head), asBytes(o.head)) {
		return false
	}
	for t := range s.Tasks {
		if s.Tasks[t].Depth != 0 && !bytes.Equal(asBytes(s.Live(TaskID(t))), asBytes(o.Live(TaskID(t)))) {
			return false
		}
	}
	return true
}

// Hash returns a 64-bit digest of the state. Equal states have equal digests; it is not identity.
func (s *State) Hash() uint64 {
	h := xxh3.Hash(asBytes(s.head))
	for t := range s.Tasks {
		if s.Tasks[t].Depth != 0 {
			// An odd multiplier keeps all bits of h, and the order of the stacks counts.
			h = bits.RotateLeft64(h, 29)*0x9e3779b97f4a7c15 ^ xxh3.Hash(asBytes(s.Live(TaskID(t))))
		}
	}
	return h
}

// Grow returns a machine like s with room for more tasks and address spaces. IDs stay as they are.
func (s *State) Grow(tasks, mms int) *State {
	c := s.Config
	c.Tasks = max(c.Tasks, tasks)
	c.MMs = max(c.MMs, mms)
	g := layOut(c)
	*g.Global = *s.Global
	copy(g.CPUs, s.CPUs)
	copy(g.X86, s.X86)
	copy(g.ARM64, s.ARM64)
	copy(g.Buffers, s.Buffers)
	copy(g.ARM64Regs, s.ARM64Regs)
	copy(g.ARM64Threads, s.ARM64Threads)
	copy(g.ARM64PtRegs, s.ARM64PtRegs)
	copy(g.ARM64Users, s.ARM64Users)
	copy(g.ARM64Vectors, s.ARM64Vectors)
	copy(g.ARM64FPThreads, s.ARM64FPThreads)
	copy(g.X86Regs, s.X86Regs)
	copy(g.X86PerCPUs, s.X86PerCPUs)
	copy(g.X86Threads, s.X86Threads)
	copy(g.X86Stacks, s.X86Stacks)
	copy(g.X86Users, s.X86Users)
	copy(g.Tasks, s.Tasks)
	copy(g.MMs, s.MMs)
	copy(g.ASIDMap, s.ASIDMap)
	copy(g.PinnedMap, s.PinnedMap)
	copy(g.masks, s.masks)
	copy(g.calls, s.calls)
	copy(g.wakers, s.wakers)
	copy(g.TLBs, s.TLBs)
	copy(g.Frames, s.Frames) // tasks keep their place, and with it their stacks
	return g
}
