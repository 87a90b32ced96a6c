package verify

import (
	"fmt"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/record/tape"
	"switchyard/step"
)

// The machine begins small and grows with what the recording shows to exist at one time.
const (
	firstTasks = 512
	firstMMs   = 256
)

// boot builds the recorded machine.
func boot(m *tape.Meta, variations []*step.Path) (*kernel.Machine, error) {
	c, err := config(m)
	if err != nil {
		return nil, err
	}
	k, err := kernel.Boot(c, arch.Port(c.Arch), variations...)
	if err != nil {
		return nil, err
	}
	if c.KPTI && m.Config["kpti"] == "false" {
		// KPTI is built in but not used: odd ASIDs are free from the first rollover on.
		clear(k.S.PinnedMap)
	}
	return k, nil
}

func config(m *tape.Meta) (machine.Config, error) {
	a, err := machine.ParseArch(m.Arch)
	if err != nil || a == machine.Classic {
		return machine.Config{}, fmt.Errorf("the recording is of %s, which is not modelled", m.Arch)
	}
	release, err := modelled(m.Release)
	if err != nil {
		return machine.Config{}, err
	}
	if m.CPUs > machine.MaxCPUs {
		return machine.Config{}, fmt.Errorf("the recording is of a machine with %d CPUs: at most %d are modelled", m.CPUs, machine.MaxCPUs)
	}
	c := machine.Config{Release: release, Arch: a, CPUs: m.CPUs, Tasks: m.CPUs + firstTasks, MMs: firstMMs}
	if m.Config["CONFIG_MMU_LAZY_TLB_SHOOTDOWN"] == "y" {
		c.Lazy = machine.LazyShootdown
	}
	if a == machine.X86 {
		c.PCID, c.PTI = m.Config["pcid"] == "true", m.Config["pti"] == "true"
		return c, nil
	}
	c.ASIDBits = 16
	if m.Config["asid_bits"] == "8" {
		c.ASIDBits = 8
	}
	// The kernel assumes KPTI when it boots, where it is built in.
	c.KPTI = m.Config["CONFIG_UNMAP_KERNEL_AT_EL0"] != "n"
	return c, nil
}

// modelled is the newest release with rules of its own that is not newer than the recorded kernel.
func modelled(release string) (machine.Release, error) {
	number := func(s string) (n int, err error) {
		var major, minor int
		_, err = fmt.Sscanf(s, "%d.%d", &major, &minor)
		return major<<16 + minor&0xffff, err
	}
	have, err := number(release)
	if err != nil {
		return 0, fmt.Errorf("the recording says its kernel's release is %q, which is none", release)
	}
	found := machine.Oldest
	for _, r := range machine.Releases() {
		if n, err := number(r.String()); err == nil && n <= have {
			found = r
		}
	}
	return found, nil
}

// freeTask finds a slot, in a larger machine if need be.
func (r *run) freeTask() (machine.TaskID, error) {
	if n := len(r.m.S.Tasks); r.live >= n-n/8 {
		r.grow(2*n, len(r.m.S.MMs))
	}
	r.live++
	return r.m.FreeTask()
}

func (r *run) freeMM() (machine.MMID, error) {
	id, err := r.m.FreeMM()
	if err != nil {
		r.grow(len(r.m.S.Tasks), 2*len(r.m.S.MMs))
		id, err = r.m.FreeMM()
	}
	return id, err
}

func (r *run) grow(tasks, mms int) {
	old := r.m
	r.m = old.With(old.S.Grow(tasks, mms))
	r.m.Stats, r.m.Violations, r.m.ViolationCount = old.Stats, old.Violations, old.ViolationCount
}
