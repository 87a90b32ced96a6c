package scenario

import (
	"fmt"
	"strings"

	"go.starlark.net/starlark"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// asked is what machine() was told.
type asked struct {
	release, arch, lazy, variation string
	cpus, asidBits                 starlark.Value
	pcid, pti, kpti, cnp, pan      starlark.Value
	registers                      bool
}

func (r *run) machine(t *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, kwargs []starlark.Tuple) (starlark.Value, error) {
	a := asked{release: machine.Newest.String(), arch: "x86-64", lazy: "refcount"}
	err := starlark.UnpackArgs(b.Name(), args, kwargs, "release?", &a.release, "arch?", &a.arch, "cpus?", &a.cpus, "asid_bits?", &a.asidBits,
		"pcid?", &a.pcid, "pti?", &a.pti, "kpti?", &a.kpti, "cnp?", &a.cnp, "pan?", &a.pan, "registers?", &a.registers, "lazy?", &a.lazy, "break_?", &a.variation)
	if err != nil {
		return nil, err
	}
	if len(r.yards) >= maxMachines {
		return nil, fmt.Errorf("a scenario may build %d machines", maxMachines)
	}
	c, err := a.config()
	if err != nil {
		return nil, err
	}
	if r.opts.Override != nil {
		if err := r.opts.Override(&c); err != nil {
			return nil, err
		}
	}
	c.Tasks, c.MMs = c.CPUs+12, 12
	y, err := r.boot(c, a.variation)
	if err != nil {
		return nil, err
	}
	r.yards = append(r.yards, y)
	r.last, r.lastYard = nil, y
	return &machineValue{y}, nil
}

func (r *run) boot(c machine.Config, variation string) (*yard, error) {
	port := arch.Port(c.Arch)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	var paths []*step.Path
	if variation != "" {
		v, err := kernel.FindVariation(variation, &c, port)
		if err != nil {
			return nil, err
		}
		if paths, err = v.Paths(&c, port); err != nil {
			return nil, err
		}
	}
	m, err := kernel.Boot(c, port, paths...)
	if err != nil {
		return nil, err
	}
	if r.opts.Mutate != nil {
		if m.Prog, err = r.opts.Mutate(m.Prog); err != nil {
			return nil, err
		}
	}
	return newYard(r, m, variation), nil
}

func (a *asked) config() (c machine.Config, err error) {
	c.Registers = a.registers
	if c.Release, err = machine.ParseRelease(a.release); err != nil {
		return c, err
	}
	if c.Arch, err = machine.ParseArch(a.arch); err != nil {
		return c, err
	}
	if c.Lazy, err = machine.ParseLazyMode(a.lazy); err != nil {
		return c, err
	}
	if c.CPUs, err = number("cpus", a.cpus, 1, 1, maxCPUs); err != nil {
		return c, err
	}
	for _, o := range []struct {
		name  string
		value starlark.Value
		arch  machine.Arch
		to    *bool
	}{
		{"pcid", a.pcid, machine.X86, &c.PCID}, {"pti", a.pti, machine.X86, &c.PTI},
		{"kpti", a.kpti, machine.ARM64, &c.KPTI}, {"cnp", a.cnp, machine.ARM64, &c.CnP}, {"pan", a.pan, machine.ARM64, &c.PAN},
	} {
		if err := option(o.name, o.value, o.arch, c.Arch, o.to); err != nil {
			return c, err
		}
	}
	if a.pcid == nil {
		c.PCID = c.Arch == machine.X86 && c.Release >= machine.V5_0
	}
	if c.Arch != machine.ARM64 {
		if a.asidBits != nil {
			return c, fmt.Errorf("asid_bits is an option of arm64, not of %s", c.Arch)
		}
		return c, nil
	}
	bits, err := number("asid_bits", a.asidBits, 16, 2, 16)
	c.ASIDBits = uint8(bits)
	return c, err
}

// option reads an option that only one architecture has. False may be said to any.
func option(name string, v starlark.Value, of, is machine.Arch, to *bool) error {
	if v == nil {
		return nil
	}
	b, ok := v.(starlark.Bool)
	if !ok {
		return fmt.Errorf("%s: want True or False, got %s", name, v.Type())
	}
	if bool(b) && of != is {
		return fmt.Errorf("%s is an option of %s, not of %s", name, of, is)
	}
	*to = bool(b)
	return nil
}

// number reads a whole number within bounds.
func number(name string, v starlark.Value, otherwise, lo, hi int) (int, error) {
	if v == nil || v == starlark.None {
		return otherwise, nil
	}
	i, ok := v.(starlark.Int)
	if !ok {
		return 0, fmt.Errorf("%s: want a number, got %s", name, v.Type())
	}
	n, ok := i.Int64()
	if !ok || n < int64(lo) || n > int64(hi) {
		return 0, fmt.Errorf("%s = %s: want %d to %d", name, strings.TrimSpace(shorten(i.String())), lo, hi)
	}
	return int(n), nil
}

func shorten(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
