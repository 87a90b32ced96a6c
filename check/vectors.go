package check

import (
	"slices"

	"switchyard/machine"
)

// What stands in vector registers is compared with what somebody must find there, and with nothing else.
// So a value that nobody must find is as good as any other such, and one that somebody must find may be
// called after who that is.

// strange is what nobody must find; zero stays what a new program finds.
const strange = 1

// why a value is still waited for: it is the lower half of its name.
const (
	leftByUser = iota + 1
	inSigFrame
	leftByKernel
	namesOfTask = leftByKernel // values that a task makes are numbered from here on
)

// nameVectors gives the values in vector registers, and what has been saved of them, the names that they
// have in the normal form.
func nameVectors(s *machine.State) {
	if len(s.ARM64FPThreads) == 0 {
		return
	}
	var few [24][2]uint64
	names := vectorNames{few[:0]}
	for i := range s.ARM64FPThreads {
		th := &s.ARM64FPThreads[i]
		if !kernelStateCounts(s, machine.TaskID(i)) {
			th.KernelFP, th.KernelFPCPU = [1]uint64{}, 0
		}
		task := uint64(i+1) << 32
		names.give(th.Left[0], task|leftByUser)
		names.give(th.SigFrame[0], task|inSigFrame)
		names.give(th.KernelLeft[0], task|leftByKernel)
	}
	for i := range s.ARM64Vectors {
		names.rename(&s.ARM64Vectors[i].V[0])
	}
	for i := range s.ARM64FPThreads {
		th := &s.ARM64FPThreads[i]
		for _, v := range [...]*uint64{&th.FP[0], &th.KernelFP[0], &th.SigFrame[0], &th.Left[0], &th.KernelLeft[0]} {
			names.rename(v)
		}
		th.Made = 0
		if s.Tasks[i].Kind != machine.FreeTask {
			th.Made, s.Tasks[i].Serial = namesOfTask, uint32(i+1)
		}
	}
	s.Global.NextTaskSerial = uint32(len(s.Tasks))
}

// kernelStateCounts: what was saved of the kernel's registers will be loaded. Without the flag, or while the
// task computes, it is saved anew before that.
func kernelStateCounts(s *machine.State, t machine.TaskID) bool {
	if s.Tasks[t].Flags&machine.TIFKernelFPState == 0 {
		return false
	}
	for i := range s.CPUs {
		if s.CPUs[i].Current == t {
			return s.CPUs[i].InSwitch || s.ARM64[i].FPKernel && s.ARM64[i].FPOwner == t
		}
	}
	return true
}

// vectorNames are pairs of a value and its new name: there are few.
type vectorNames struct{ pairs [][2]uint64 }

// give names a value that is waited for, unless it has a name already: a child waits for its parent's.
func (v *vectorNames) give(was, name uint64) {
	if was == 0 || v.find(was) >= 0 {
		return
	}
	v.pairs = append(v.pairs, [2]uint64{was, name})
}

func (v *vectorNames) find(was uint64) int {
	return slices.IndexFunc(v.pairs, func(p [2]uint64) bool { return p[0] == was })
}

func (v *vectorNames) rename(value *uint64) {
	if *value == 0 {
		return
	}
	if i := v.find(*value); i >= 0 {
		*value = v.pairs[i][1]
		return
	}
	*value = strange
}
