package arm64_test

import (
	"strings"
	"testing"

	"switchyard/machine"
)

// entryRig is a process on a machine whose entry code is followed, about to return to user mode.
func entryRig(t *testing.T, rel machine.Release, pan bool) *rig {
	r := newRig(t, machine.Config{Release: rel, CPUs: 1, ASIDBits: 4, KPTI: true, PAN: pan, EntryCode: true})
	p, _ := r.process(0)
	r.run(0, p)
	return r
}

// What a walk could cache at the wrong instant is found out, in user mode and in the kernel.
func TestEntryRules(t *testing.T) {
	for _, c := range []struct {
		rule   string
		inUser bool
		spoil  func(*machine.State)
	}{
		{"I28", true, func(s *machine.State) { s.ARM64[0].Tramp = false }},
		{"I28", true, func(s *machine.State) { s.ARM64[0].HWASID &^= 1 }},
		{"I29", false, func(s *machine.State) { s.ARM64[0].HWASID |= 1 }},
		{"I29", false, func(s *machine.State) { s.ARM64[0].Tramp = true }},
		{"I30", false, func(s *machine.State) { s.ARM64[0].KernelGlobal = true }},
		{"I31", false, func(s *machine.State) { s.CPUs[0].Root = s.Tasks[s.CPUs[0].Curr].MM }},
		{"I31", false, func(s *machine.State) { *s.TLBSlot(0, 0) = machine.TLBEntry{Owner: 2} }},
	} {
		r := entryRig(t, machine.Newest, true)
		if c.inUser {
			r.Push(0, r.Prog.Entry("exit_to_user_mode"), machine.Frame{})
			r.upTo(0, "user_access")
		}
		r.ok()
		c.spoil(r.S)
		if b := strings.Join(r.broken(), "; "); !strings.Contains(b, c.rule+":") {
			t.Errorf("want %s, found %q", c.rule, b)
		}
	}
}

// An interrupt in the middle of an access to user memory puts it out of reach until it is over, and then
// brings it back; elsewhere it leaves it out of reach.
func TestInterruptedUserAccess(t *testing.T) {
	for _, rel := range releases[1:] {
		r := entryRig(t, rel, true)
		mm := r.S.Tasks[r.S.CPUs[0].Curr].MM
		r.Push(0, r.Prog.Entry("copy_from_user"), machine.Frame{})
		r.upTo(0, "copy_from_user")
		r.Push(0, r.Prog.Entry("el1_interrupt"), machine.Frame{N: 1})
		r.upTo(0, "preempt_disable")
		if r.S.CPUs[0].Root != machine.NoMM || r.S.ARM64[0].HWASID != 0 || r.S.ARM64[0].UserAccess {
			t.Errorf("%s: user memory is within reach of whoever runs next", rel)
		}
		r.upTo(0, "copy_from_user")
		if r.S.CPUs[0].Root != mm || !r.S.ARM64[0].UserAccess {
			t.Errorf("%s: the access goes on with root %d, want %d", rel, r.S.CPUs[0].Root, mm)
		}
		r.finish(0)
		r.ok()
		r.Push(0, r.Prog.Entry("el1_interrupt"), machine.Frame{N: 1})
		r.upTo(0, "eret")
		if r.S.CPUs[0].Root != machine.NoMM {
			t.Errorf("%s: an interrupt outside of any access brings a user root", rel)
		}
		r.finish(0)
		r.ok()
	}
}
