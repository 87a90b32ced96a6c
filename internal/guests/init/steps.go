//go:build linux

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"switchyard/internal/guests/job"
)

// run runs the steps one after the other, up to the first that fails.
func run(steps []job.Step) job.Result {
	result := job.Result{Kernel: kernelRelease(), CPUs: runtime.NumCPU()}
	for _, step := range steps {
		say("%s", strings.Join(step.Argv, " "))
		start := time.Now()
		err := runStep(step)
		done := job.StepResult{Argv: step.Argv, Seconds: time.Since(start).Seconds()}
		if err != nil {
			done.Error = err.Error()
			result.Error = fmt.Sprintf("%s: %v", step.Argv[0], err)
		}
		result.Steps = append(result.Steps, done)
		say("… %.1f s, error %q", done.Seconds, done.Error)
		if err != nil {
			break
		}
	}
	return result
}

func runStep(step job.Step) error {
	cmd := exec.Command(step.Argv[0], step.Argv[1:]...)
	cmd.Env = []string{"PATH=/bin:/usr/bin", "HOME=/tmp", "TERM=dumb"}
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stdout
	if step.Output == "" {
		return cmd.Run()
	}
	out, err := os.Create(step.Output)
	if err != nil {
		return err
	}
	cmd.Stdout, cmd.Stderr = out, out
	return errors.Join(cmd.Run(), out.Close())
}

func kernelRelease() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return ""
	}
	return unix.ByteSliceToString(name.Release[:])
}
