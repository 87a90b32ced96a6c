package replay

import (
	"fmt"
	"strings"

	"switchyard/arch"
	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/trace"
)

// Options say what machine a recording is replayed on. What is left out is as on the machine that
// was recorded, as far as the recording tells.
type Options struct {
	File string // the name to report; replay opens nothing
	Size int64  // of the recording in bytes, for progress; 0 if unknown

	Release *machine.Release
	Arch    *machine.Arch
	CPUs    int // 0: as recorded
	Lazy    machine.LazyMode

	PCID, PTI      *bool // x86-64
	ASIDBits       uint8 // arm64; 0: 16
	KPTI, CnP, PAN bool  // arm64
	Registers      bool  // run the register switch as machine code: slower, the same figures

	// Check looks at the machine after every recorded switch on cpu; nil is invariant.CheckCPU.
	Check func(s *machine.State, cpu machine.CPUID, report invariant.Report)

	// Observe is called before every recorded switch.
	Observe func(*Moment) Verdict

	// Progress is called now and then, and at the end.
	Progress func(done, total int64)

	// Top is how many tasks and address spaces are listed; 0: 10.
	Top int
}

// What is assumed where neither the recording nor the caller says.
const (
	usualASIDBits = 16
	usualTop      = 10
	// usualCPUs is room enough for a text that does not tell how many CPUs there were.
	usualCPUs = 64
)

// config is the machine to build, with one CPU more than the recording has: see backstage.
func (o *Options) config(m *trace.Meta) (machine.Config, kernel.Port, error) {
	c := machine.Config{Lazy: o.Lazy, CnP: o.CnP, KPTI: o.KPTI, PAN: o.PAN, ASIDBits: o.ASIDBits, Registers: o.Registers}
	var err error
	if o.Arch != nil {
		c.Arch = *o.Arch
	} else if c.Arch, err = recordedArch(m); err != nil {
		return c, nil, err
	}
	c.Release = recordedRelease(m)
	if o.Release != nil {
		c.Release = *o.Release
	}
	if err := o.fitArch(&c, m); err != nil {
		return c, nil, err
	}
	c.CPUs = recordedCPUs(m)
	if o.CPUs != 0 {
		c.CPUs = o.CPUs
	}
	if c.CPUs < 1 || c.CPUs > machine.MaxCPUs-1 {
		return c, nil, fmt.Errorf("cpus = %d: a recording is replayed on 1 to %d CPUs", c.CPUs, machine.MaxCPUs-1)
	}
	c.CPUs++
	c.Tasks, c.MMs = c.CPUs+firstTasks, firstMMs
	return c, arch.Port(c.Arch), nil
}

// fitArch fills in what only one architecture has, and refuses what another was asked for.
func (o *Options) fitArch(c *machine.Config, m *trace.Meta) error {
	var alien []string
	alienIf := func(set bool, name string) {
		if set {
			alien = append(alien, name)
		}
	}
	if c.Arch == machine.X86 {
		modern := c.Release >= machine.V5_0
		c.PCID = first(o.PCID, m.PCID, modern, modern)
		c.PTI = first(o.PTI, m.PTI, modern, false)
	} else {
		alienIf(o.PCID != nil, "pcid")
		alienIf(o.PTI != nil, "pti")
	}
	if c.Arch == machine.ARM64 {
		if c.ASIDBits == 0 {
			c.ASIDBits = usualASIDBits
		}
	} else {
		alienIf(o.ASIDBits != 0, "asid_bits")
		alienIf(o.KPTI, "kpti")
		alienIf(o.CnP, "cnp")
		alienIf(o.PAN, "pan")
	}
	if len(alien) > 0 {
		return fmt.Errorf("%s: %s has no such thing", strings.Join(alien, ", "), c.Arch)
	}
	return nil
}

// first is what the caller says, else the recording, where the release has such a thing, else what is usual.
func first(asked, recorded *bool, has, usual bool) bool {
	switch {
	case asked != nil:
		return *asked
	case recorded != nil && has:
		return *recorded
	}
	return usual
}

// recordedArch is x86-64 where the recording does not say.
func recordedArch(m *trace.Meta) (machine.Arch, error) {
	if m.Arch == "" {
		return machine.X86, nil
	}
	a, err := machine.ParseArch(m.Arch)
	switch {
	case err == nil:
		return a, nil
	case strings.HasPrefix(m.Arch, "armv"), len(m.Arch) == len("i686") && strings.HasSuffix(m.Arch, "86"):
		return machine.Classic, nil
	}
	return 0, fmt.Errorf("the recording is of %s, which is not modelled: choose with --arch whose rules to run", m.Arch)
}

func recordedCPUs(m *trace.Meta) int {
	if m.CPUs > 0 {
		return m.CPUs
	}
	return max(2*m.Online, usualCPUs)
}
