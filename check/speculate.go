package check

import (
	"switchyard/arch"
	"switchyard/machine"
)

// The hardware may walk what is loaded between any two steps, or leave it. Where it may, the reduced search has it do so
// at once. The kernel never looks at the TLB, and the rules ask that certain things are not in it, never that something
// is. So a machine that walked at once is, whatever happens next, in the state of one that waited, with at least the
// same in its TLBs: where that one breaks a rule, it does. And what is cached first is the oldest that a later use
// can find; an entry that stands under a tag stays when another address space is walked under the same
// (machine.SeveralOwners).

const (
	speculation    = "(speculation)"
	speculationWhy = "the hardware walks what is loaded and caches what it finds"
)

// speculate has every CPU walk what it may, where that is not left to an action.
func (k *walker) speculate() {
	if !k.w.eager {
		return
	}
	for i := range k.now.CPUs {
		if cpu := machine.CPUID(i); arch.Speculate(k.now, cpu) && k.walks != nil {
			k.walks(cpu)
		}
	}
}
