package main

import (
	"fmt"

	"github.com/spf13/pflag"

	"switchyard/machine"
	"switchyard/replay"
)

// machineFlags are the flags that say what machine to build. Those that were not given leave the
// choice to the driver: a recording knows what it was recorded on.
type machineFlags struct {
	set      *pflag.FlagSet
	release  string
	arch     string
	lazy     string
	cpus     int
	asidBits int
	pcid     bool
	pti      bool
	kpti     bool
	cnp      bool
	pan      bool
	regs     bool
}

func (f *machineFlags) add(set *pflag.FlagSet) {
	f.set = set
	set.StringVar(&f.release, "release", "", "kernel release whose rules apply: 2.6.32, 4.4, 5.0, 6.1, 6.12 or 7.3; by default the recorded kernel's, or as the scenario says, else the newest")
	set.StringVar(&f.arch, "arch", "", "architecture: arm64, x86-64 or classic; by default as recorded, or as the scenario says (paths: arm64)")
	set.StringVar(&f.lazy, "lazy", "refcount", "how a borrowed address space is kept alive: refcount, shootdown or off")
	set.IntVar(&f.cpus, "cpus", 0, "number of CPUs; by default as many as the schedule uses")
	set.IntVar(&f.asidBits, "asid-bits", 16, "arm64: bits of an ASID, 8 or 16")
	set.BoolVar(&f.pcid, "pcid", true, "x86-64: process-context identifiers (since 4.14)")
	set.BoolVar(&f.pti, "pti", false, "x86-64: page-table isolation (since 4.15)")
	set.BoolVar(&f.kpti, "kpti", false, "arm64: page-table isolation, ASIDs come in pairs")
	set.BoolVar(&f.cnp, "cnp", false, "arm64: TLB entries are shared between CPUs")
	set.BoolVar(&f.pan, "pan", false, "arm64: software PAN, TTBR0 is loaded around user accesses only")
	set.BoolVar(&f.regs, "registers", false, "arm64, x86-64: run the register switch as machine code; slower, the same results")
}

// apply overrides what c says with what the user asked for.
func (f *machineFlags) apply(c *machine.Config) error {
	var err error
	if f.given("release") {
		if c.Release, err = machine.ParseRelease(f.release); err != nil {
			return fmt.Errorf("--release: %w", err)
		}
		if c.Release < machine.V5_0 && !f.given("pcid") {
			c.PCID = false
		}
	}
	if f.given("arch") {
		if c.Arch, err = machine.ParseArch(f.arch); err != nil {
			return fmt.Errorf("--arch: %w", err)
		}
	}
	if f.given("lazy") {
		if c.Lazy, err = machine.ParseLazyMode(f.lazy); err != nil {
			return fmt.Errorf("--lazy: %w", err)
		}
	}
	if f.given("cpus") {
		if f.cpus < 0 || f.cpus > machine.MaxCPUs {
			return fmt.Errorf("--cpus %d: a machine has 1 to %d CPUs", f.cpus, machine.MaxCPUs)
		}
		c.CPUs = f.cpus
	}
	if f.given("asid-bits") {
		if f.asidBits != 8 && f.asidBits != 16 {
			return fmt.Errorf("--asid-bits %d: arm64 CPUs have 8 or 16", f.asidBits)
		}
		c.ASIDBits = uint8(f.asidBits)
	}
	for _, o := range []struct {
		name string
		to   *bool
		val  bool
	}{{"pcid", &c.PCID, f.pcid}, {"pti", &c.PTI, f.pti}, {"kpti", &c.KPTI, f.kpti}, {"cnp", &c.CnP, f.cnp}, {"pan", &c.PAN, f.pan},
		{"registers", &c.Registers, f.regs}} {
		if f.given(o.name) {
			*o.to = o.val
		}
	}
	return nil
}

func (f *machineFlags) given(name string) bool { return f.set.Changed(name) }

// replayOptions are the flags as replay takes them: what was not given is as the recording says.
func (f *machineFlags) replayOptions() (replay.Options, error) {
	var o replay.Options
	var c machine.Config
	if err := f.apply(&c); err != nil {
		return o, err
	}
	o.CPUs, o.Lazy = c.CPUs, c.Lazy
	o.KPTI, o.CnP, o.PAN, o.ASIDBits = c.KPTI, c.CnP, c.PAN, c.ASIDBits
	o.Registers = c.Registers
	if f.given("release") {
		o.Release = &c.Release
	}
	if f.given("arch") {
		o.Arch = &c.Arch
	}
	if f.given("pcid") {
		o.PCID = &c.PCID
	}
	if f.given("pti") {
		o.PTI = &c.PTI
	}
	return o, nil
}
