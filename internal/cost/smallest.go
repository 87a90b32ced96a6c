//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// smallest is a program on sched_switch that does next to nothing: no recorder of this kind can cost less than without a
// body, and none that notes the time less than with a look at the clock.
func smallest(body ...asm.Instruction) func() (func() error, error) {
	return func() (func() error, error) {
		program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
			Name: "smallest", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch", License: "Dual BSD/GPL",
			Instructions: append(body, asm.Mov.Imm(asm.R0, 0), asm.Return()),
		})
		if err != nil {
			return nil, fmt.Errorf("loading a program: %w", err)
		}
		attached, err := link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceRawTp})
		if err != nil {
			return nil, errors.Join(fmt.Errorf("attaching a program: %w", err), program.Close())
		}
		return func() error { return errors.Join(attached.Close(), program.Close()) }, nil
	}
}
