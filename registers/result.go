package registers

import (
	"errors"

	"switchyard/machine"
	"switchyard/machine/mem"
)

// Subject is the function to try.
type Subject struct {
	Name string
	Arch machine.Arch
	Addr uint64
	Code []byte
	// Variants are what the kernel may make of the code when it boots.
	Variants []Variant
	// Symbol names an address outside of the code; nil where there are no names. A jump to what has no
	// name is taken for one to __switch_to.
	Symbol func(addr uint64) string
}

// Variant is the code with an alternative applied.
type Variant struct {
	Name string
	Code []byte // as long as the function
}

// Instruction is one instruction of the function.
type Instruction struct {
	Addr    uint64
	Bytes   []byte
	Text    string
	Unknown bool   // not simulated
	Target  uint64 // where a jump or call leads, 0 for others
	padding bool
}

// known describes an instruction that was decoded, with the error of decoding it.
func known(addr uint64, text []byte, asm string, err error) Instruction {
	i := Instruction{Addr: addr, Bytes: text, Text: asm, Unknown: err != nil}
	if u, ok := errors.AsType[*mem.Undefined](err); ok {
		i.Text, i.Bytes = u.Text, u.Encoding
	}
	return i
}

// Result is what was found out.
type Result struct {
	Subject Subject
	Runs    []Run // the code as it was linked, then each variant
}

// Holds tells whether all runs keep to the standard.
func (r *Result) Holds() bool {
	for i := range r.Runs {
		if len(r.Runs[i].Broken) > 0 || r.Runs[i].Stopped != nil {
			return false
		}
	}
	return true
}

// Stopped is why some run could not come to its end, or nil.
func (r *Result) Stopped() error {
	for i := range r.Runs {
		if err := r.Runs[i].Stopped; err != nil {
			return err
		}
	}
	return nil
}

// Unknown are the instructions that are not simulated, each once.
func (r *Result) Unknown() []Instruction {
	var out []Instruction
	seen := map[string]bool{}
	for i := range r.Runs {
		for _, in := range r.Runs[i].Code {
			if in.Unknown && !seen[string(in.Bytes)] {
				seen[string(in.Bytes)] = true
				out = append(out, in)
			}
		}
	}
	return out
}

// Run is what one form of the code did.
type Run struct {
	Variant  string // empty for the code as it was linked
	Code     []Instruction
	Executed int // instructions of A's switch to B

	Kept    []Register // of A, when it is back
	Last    Register   // the result of A's call
	Current string     // what the current-task register named behind A's switch to B; empty where there is none
	Changes []Change   // of stack, in A's switch to B
	Stores  []Store    // of A's switch to B, to places outside of prev's stack first

	Broken  []string // what the standard does not allow
	Stopped error    // why the run did not come to its end: an instruction that is not simulated, a fault
}

// Preserved tells whether all registers are.
func (r *Run) Preserved() bool {
	for i := range r.Kept {
		if !r.Kept[i].Preserved() {
			return false
		}
	}
	return len(r.Kept) > 0
}

// Register is a register of a task, when it left and when it was back.
type Register struct {
	Name string
	Left uint64
	Back uint64
}

// Preserved tells whether the value came back.
func (r *Register) Preserved() bool { return r.Left == r.Back }

// Change is an instruction that moved the stack pointer to another stack.
type Change struct {
	Addr     uint64
	Text     string
	From, To string
}

// Store is a word of memory that the switch changed.
type Store struct {
	Place string // as in "prev+0x14d8", "prev's stack-0x8", "per-CPU+0x28"
	Value string // what was written: the name of a register, or a place of next
}
