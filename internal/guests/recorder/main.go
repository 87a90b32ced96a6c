//go:build linux

// Recorder records the guest's kernel while a command runs: FILE COMMAND [ARGUMENT…]. It is a program of its own, apart
// from init and the workload: what its libraries do when a program begins (one reads /proc/self/auxv, which takes a
// reference to the address space) would otherwise be done by every program of the load.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"switchyard/record"
)

func main() {
	if err := recordLoad(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "recorder: %v\n", err)
		os.Exit(1)
	}
}

func recordLoad(args []string) error {
	if len(args) < 2 {
		return errors.New("usage: recorder FILE COMMAND [ARGUMENT…]")
	}
	out, err := os.Create(args[0])
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	ran := make(chan error, 1)
	started := false
	result, err := record.Run(ctx, record.Options{
		Out: out, Tool: "switchyard internal/guests", Command: args[1],
		Started: func() {
			started = true
			go func() {
				cmd := exec.Command(args[1], args[2:]...)
				cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
				ran <- cmd.Run()
				stop()
			}()
		},
	})
	if started {
		err = errors.Join(err, <-ran)
	}
	fmt.Printf("recorder: %d switches, %d events lost, %d gaps, %d not seen by a program that ran already; probes missing: %v\n",
		result.Switches, result.Dropped, result.Gaps, result.Missed, result.Missing)
	return errors.Join(err, out.Close())
}
