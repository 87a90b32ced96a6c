package machine

import "testing"

// small is the checker's machine: two CPUs and five tasks, two of them in the middle of a switch.
func small(b *testing.B, arch Arch) *State {
	c := Config{Release: Newest, Arch: arch, CPUs: 2, Tasks: 5, MMs: 4}
	switch arch {
	case X86:
		c.PCID, c.TLBSlots = true, 6
	case ARM64:
		c.ASIDBits, c.TLBSlots = 3, 8
	}
	s := newState(b, c)
	for range 5 {
		s.Push(2)
		s.Push(3)
	}
	return s
}

func BenchmarkCopy(b *testing.B) {
	for _, arch := range []Arch{Classic, X86, ARM64} {
		b.Run(arch.String(), func(b *testing.B) {
			s := small(b, arch)
			to := s.Clone()
			b.SetBytes(int64(len(s.AppendPacked(nil))))
			for b.Loop() {
				to.CopyFrom(s)
			}
		})
	}
}

func BenchmarkHash(b *testing.B) {
	for _, arch := range []Arch{Classic, X86, ARM64} {
		b.Run(arch.String(), func(b *testing.B) {
			s := small(b, arch)
			b.SetBytes(int64(len(s.AppendPacked(nil))))
			for b.Loop() {
				s.Hash()
			}
		})
	}
}

func BenchmarkEqual(b *testing.B) {
	s := small(b, Classic)
	o := s.Clone()
	for b.Loop() {
		if !s.Equal(o) {
			b.Fatal("a copy differs")
		}
	}
}
