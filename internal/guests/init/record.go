//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"switchyard/internal/guests/job"
	"switchyard/record"
)

// recordLoad records while a command runs: FILE COMMAND [ARGUMENT…].
func recordLoad(args []string) error {
	if len(args) < 2 {
		return fmt.Errorf("usage: %s FILE COMMAND [ARGUMENT…]", job.Recorder)
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
	say("%d switches, %d events lost, %d gaps, %d not seen by a program that ran already; probes missing: %v",
		result.Switches, result.Dropped, result.Gaps, result.Missed, result.Missing)
	return errors.Join(err, out.Close())
}
