package report

import (
	"fmt"

	"switchyard/kernel"
	"switchyard/machine"
)

// addressMap says where an architecture has things.
type addressMap struct {
	tasks, stacks, text   uint64
	taskShift, stackShift uint8
	thread                uint64 // offset of what the switch saves in a task_struct
}

var arm64Addresses = addressMap{machine.ARM64TaskBase, machine.ARM64StackBase, machine.ARM64TextBase,
	machine.ARM64TaskShift, machine.ARM64StackShift, machine.ARM64ThreadOffset}

var x86Addresses = addressMap{machine.X86TaskBase, machine.X86StackBase, machine.X86TextBase,
	machine.X86TaskShift, machine.X86StackShift, machine.X86ThreadOffset}

// addressText is an address with what is there, for registers and what they are saved in; "" for a value
// that is no address of the machine.
func addressText(m *kernel.Machine, names machine.Namer, v uint64) string {
	if !m.S.Config.Registers {
		return ""
	}
	a, tasks := &arm64Addresses, uint64(len(m.S.Tasks))
	if m.S.Config.Arch == machine.X86 {
		a = &x86Addresses
	}
	if t := (v - a.tasks) >> a.taskShift; v >= a.tasks && t < tasks {
		name := names.TaskName(machine.TaskID(t))
		switch at := v & (1<<a.taskShift - 1); {
		case at == 0:
			return fmt.Sprintf("%#x (%s)", v, name)
		case at >= a.thread:
			return fmt.Sprintf("%#x (%s->thread+%#x)", v, name, at-a.thread)
		default:
			return fmt.Sprintf("%#x (%s+%#x)", v, name, at)
		}
	}
	// The end of a stack is where it begins, empty.
	if t := (v - 1 - a.stacks) >> a.stackShift; v > a.stacks && t < tasks {
		return fmt.Sprintf("%#x (stack of %s)", v, names.TaskName(machine.TaskID(t)))
	}
	if pc := (v - a.text) / 4; v > a.text && pc < uint64(m.Prog.Len()) {
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
