//go:build linux

package main

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/link"
)

// emptyProgram sits on sched_switch and does nothing: no recorder of this kind can cost less.
func emptyProgram() (func() error, error) {
	program, err := ebpf.NewProgram(&ebpf.ProgramSpec{
		Name: "nothing", Type: ebpf.Tracing, AttachType: ebpf.AttachTraceRawTp, AttachTo: "sched_switch", License: "Dual BSD/GPL",
		Instructions: asm.Instructions{asm.Mov.Imm(asm.R0, 0), asm.Return()},
	})
	if err != nil {
		return nil, fmt.Errorf("loading an empty program: %w", err)
	}
	attached, err := link.AttachTracing(link.TracingOptions{Program: program, AttachType: ebpf.AttachTraceRawTp})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("attaching an empty program: %w", err), program.Close())
	}
	return func() error { return errors.Join(attached.Close(), program.Close()) }, nil
}
