package machine

import "math/bits"

// CPUMask is a set of CPUs, 64 to a word.
type CPUMask []uint64

func (m CPUMask) Has(c CPUID) bool { return m[c>>6]&(1<<(c&63)) != 0 }
func (m CPUMask) Set(c CPUID)      { m[c>>6] |= 1 << (c & 63) }
func (m CPUMask) Clear(c CPUID)    { m[c>>6] &^= 1 << (c & 63) }

// Empty reports whether no CPU is in the set.
func (m CPUMask) Empty() bool {
	for _, w := range m {
		if w != 0 {
			return false
		}
	}
	return true
}

// Next returns the first CPU of the set that is not below c, or NoCPU.
func (m CPUMask) Next(c CPUID) CPUID {
	for w := int(c >> 6); w < len(m); w++ {
		v := m[w]
		if w == int(c>>6) {
			v &^= 1<<(c&63) - 1
		}
		if v != 0 {
			return CPUID(w<<6 + bits.TrailingZeros64(v))
		}
	}
	return NoCPU
}

// Count returns how many CPUs are in the set.
func (m CPUMask) Count() int {
	n := 0
	for _, w := range m {
		n += bits.OnesCount64(w)
	}
	return n
}

// MMCPUMask returns mm_cpumask(mm).
func (s *State) MMCPUMask(mm MMID) CPUMask {
	return s.masks[int(mm)*s.maskWords : int(mm)*s.maskWords+s.maskWords]
}

// Calls returns the CPUs whose cross-CPU call cpu has yet to run. It is for reading: Ask and Answer
// change it, and keep count.
func (s *State) Calls(cpu CPUID) CPUMask {
	return s.calls[int(cpu)*s.maskWords : int(cpu)*s.maskWords+s.maskWords]
}

// Ask gives cpu the cross-CPU call of from to run.
func (s *State) Ask(cpu, from CPUID) {
	if m := s.Calls(cpu); !m.Has(from) {
		m.Set(from)
		s.Global.CallsPending++
	}
}

// Answer says that cpu has run the call of from.
func (s *State) Answer(cpu, from CPUID) {
	if m := s.Calls(cpu); m.Has(from) {
		m.Clear(from)
		s.Global.CallsPending--
	}
}

// Called reports whether some CPU still has to run the call of cpu.
func (s *State) Called(cpu CPUID) bool {
	if s.NoCalls() {
		return false
	}
	w, b := int(cpu>>6), uint64(1)<<(cpu&63)
	for i := w; i < len(s.calls); i += s.maskWords {
		if s.calls[i]&b != 0 {
			return true
		}
	}
	return false
}

// Wakers returns the CPUs that have a task on their wake list.
func (s *State) Wakers() CPUMask { return s.wakers }

// NoCalls reports whether no CPU has a cross-CPU call to run.
func (s *State) NoCalls() bool { return s.Global.CallsPending == 0 }
