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
//
// Every other path is the same, and so is every result.

// registersPaths are the paths of all that differ when registers are on.
func registersPaths(c *machine.Config, all []*step.Path) ([]*step.Path, error) {
	var changed []*step.Path
	for _, p := range all {
		var edits []Edit
		switch p.Name {
		case "context_switch":
			edits = []Edit{{p.Name, "__switch_to", without}, {p.Name, "switch_to", func(step.Node) step.Seq {
				return step.Seq{step.Call("switch_to").Returning(func(f, callee *machine.Frame) { f.Prev = callee.Prev })}
			}}}
		case "copy_process", "spawn_process":
			edits = []Edit{{p.Name, "copy_thread", then("copy_thread")}}
		case "exec_mmap":
			edits = []Edit{{p.Name, "it had an address space of its own", then("start_thread")}}
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

// then calls a path behind a node.
func then(path string) func(step.Node) step.Seq {
	return func(n step.Node) step.Seq { return step.Seq{n, step.Call(path)} }
}
