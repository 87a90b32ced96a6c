package report

import (
	"fmt"

	"switchyard/kernel"
	"switchyard/machine"
)

// addressText is an address with what is there, for registers and what they are saved in; "" for a value
// that is no address of the machine.
func addressText(m *kernel.Machine, names machine.Namer, v uint64) string {
	if c := &m.S.Config; !c.Registers || c.Arch != machine.ARM64 {
		return ""
	}
	tasks := uint64(len(m.S.Tasks))
	if t := (v - machine.ARM64TaskBase) >> machine.ARM64TaskShift; v >= machine.ARM64TaskBase && t < tasks {
		name := names.TaskName(machine.TaskID(t))
		switch at := v & (1<<machine.ARM64TaskShift - 1); {
		case at == 0:
			return fmt.Sprintf("%#x (%s)", v, name)
		case at >= machine.ARM64ThreadOffset:
			return fmt.Sprintf("%#x (%s->thread+%#x)", v, name, at-machine.ARM64ThreadOffset)
		default:
			return fmt.Sprintf("%#x (%s+%#x)", v, name, at)
		}
	}
	if t := (v - machine.ARM64StackBase) >> machine.ARM64StackShift; v >= machine.ARM64StackBase && t < tasks {
		return fmt.Sprintf("%#x (stack of %s)", v, names.TaskName(machine.TaskID(t)))
	}
	if pc := (v - machine.ARM64TextBase) / 4; v > machine.ARM64TextBase && pc < uint64(m.Prog.Len()) {
		in := m.Prog.At(uint32(pc))
		if in.Path != nil {
			return fmt.Sprintf("%#x (%s: %s)", v, in.Path.Name, in.Label)
		}
	}
	return ""
}

// withAddresses puts names behind the addresses of a change.
func withAddresses(m *kernel.Machine, names machine.Namer, c machine.Change, before, after string) (string, string) {
	if b, ok := c.Before.(uint64); ok && c.Hex {
		if text := addressText(m, names, b); text != "" {
			before = text
		}
		if text := addressText(m, names, c.After.(uint64)); text != "" {
			after = text
		}
	}
	return before, after
}
