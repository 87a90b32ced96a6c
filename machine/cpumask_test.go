package machine

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestCPUMask(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.IntRange(1, 4).Draw(t, "words")
		in := rapid.SliceOfDistinct(rapid.Int32Range(0, int32(words)*64-1), rapid.ID).Draw(t, "cpus")
		m := make(CPUMask, words)
		for _, c := range in {
			m.Set(CPUID(c))
		}
		slices.Sort(in)
		if m.Count() != len(in) || m.Empty() != (len(in) == 0) {
			t.Fatalf("count %d, empty %t of %v", m.Count(), m.Empty(), in)
		}
		var got []int32
		for c := m.Next(0); c != NoCPU; c = m.Next(c + 1) {
			got = append(got, int32(c))
		}
		if !slices.Equal(got, in) {
			t.Fatalf("Next finds %v, want %v", got, in)
		}
		for c := range CPUID(words * 64) {
			if m.Has(c) != slices.Contains(in, int32(c)) {
				t.Fatalf("Has(%d) = %t", c, m.Has(c))
			}
		}
		for _, c := range in {
			m.Clear(CPUID(c))
		}
		if !m.Empty() {
			t.Fatal("not empty after all were cleared")
		}
	})
}

func TestCallsAreCounted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const cpus = 67
		s, err := New(Config{Release: Newest, Arch: Classic, CPUs: cpus, Tasks: cpus, MMs: 1})
		if err != nil {
			t.Fatal(err)
		}
		open := map[[2]CPUID]bool{}
		for range rapid.IntRange(0, 40).Draw(t, "n") {
			cpu, from := CPUID(rapid.IntRange(60, cpus-1).Draw(t, "cpu")), CPUID(rapid.IntRange(60, cpus-1).Draw(t, "from"))
			if rapid.Bool().Draw(t, "ask") {
				s.Ask(cpu, from)
				open[[2]CPUID{cpu, from}] = true
			} else {
				s.Answer(cpu, from)
				delete(open, [2]CPUID{cpu, from})
			}
		}
		if s.NoCalls() != (len(open) == 0) || int(s.Global.CallsPending) != len(open) {
			t.Fatalf("%d pending, want %d", s.Global.CallsPending, len(open))
		}
		for from := range CPUID(cpus) {
			want := false
			for k := range open {
				want = want || k[1] == from
			}
			if s.Called(from) != want {
				t.Fatalf("Called(%d) = %t", from, !want)
			}
		}
	})
}
