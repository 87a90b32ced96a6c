//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// startRecorder starts a command. What it returns ends the command and waits for it.
func startRecorder(cmd *exec.Cmd) (stop func() error, err error) {
	var complaint strings.Builder
	cmd.Stderr = &complaint
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() error {
		_ = cmd.Process.Signal(os.Interrupt)
		err := cmd.Wait()
		// Both recorders keep what they have when they are interrupted, and perf then ends as if killed.
		if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && exit.ExitCode() < 0 {
			return nil
		}
		if err != nil {
			return fmt.Errorf("%s: %w\n%s", cmd, err, complaint.String())
		}
		return nil
	}, nil
}
