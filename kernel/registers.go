package kernel

import (
	"fmt"

	"switchyard/machine"
	"switchyard/step"
)

// With Config.Registers the step that hands over a stack as data gives way to the port's machine code,
// which moves the CPU by its registers. A port that can do so has these paths as well, with the locals
// that they are given:
//
//	switch_to      Prev, Next: all below context_switch, the steps of __switch_to and those that move the
//	               stack included. Returns on next's stack, with Prev the task that was left
//	copy_thread    Next, N: the child's saved registers, behind the step that primes its stack
//	ret_from_fork  in the place of the generic one: takes prev from its register
//	start_thread   current begins a new program: user registers as new
//	restore_user_registers, user_registers, save_user_registers
//	               on the way to user mode, in it, and on the way back into the kernel
//
// Every other path is the same, and so is every result. With Config.FPSIMD, which follows vector registers
// alone, the stack moves as data and the paths from copy_thread on are the port's, but for ret_from_fork.

// CloneElsewhere in Frame.N of copy_thread says that the parent is no part of the machine: there are no
// registers to copy.
const CloneElsewhere = 1 << 8

// registersPaths are the paths of all that differ when registers are on.
func registersPaths(c *machine.Config, all []*step.Path) ([]*step.Path, error) {
	var changed []*step.Path
	for _, p := range all {
		var edits []Edit
		switch p.Name {
		case "context_switch":
			if !c.Registers {
				continue
			}
			edits = []Edit{{p.Name, "__switch_to", without}, {p.Name, "switch_to", func(step.Node) step.Seq {
				return step.Seq{step.Call("switch_to").Returning(func(f, callee *machine.Frame) { f.Prev = callee.Prev })}
			}}}
		case "copy_process":
			edits = []Edit{{p.Name, "copy_thread", then(step.Call("copy_thread"))}}
		case "spawn_process":
			elsewhere := func(_, callee *machine.Frame) { callee.N = CloneElsewhere }
			edits = []Edit{{p.Name, "copy_thread", then(step.Call("copy_thread").With(elsewhere))}}
		case "exec_mmap":
			edits = []Edit{{p.Name, "it had an address space of its own", then(step.Call("start_thread"))}}
		case "exit_to_user_mode":
			edits = []Edit{
				{p.Name, "arch_exit_to_user_mode", func(n step.Node) step.Seq {
					return step.Seq{step.Call("restore_user_registers"), n, step.Call("user_registers")}
				}},
				{p.Name, "user_access", then(step.Call("save_user_registers"))}}
		default:
			continue
		}
		for _, e := range edits {
			edited, err := p.Edit(e.Label, e.Make)
			if err != nil {
				return nil, fmt.Errorf("registers on %s: %w", c.Arch, err)
			}
			p = edited
		}
		changed = append(changed, p)
	}
	return changed, nil
}

// then puts a call behind a node.
func then(call step.Node) func(step.Node) step.Seq {
	return func(n step.Node) step.Seq { return step.Seq{n, call} }
}
