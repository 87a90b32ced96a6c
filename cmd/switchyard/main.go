// Command switchyard runs Linux's process switch: schedules that were recorded or written, and reports
// what every switch did to address spaces, references and TLBs.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
)

// Exit codes. They are part of the interface: see README.md.
const (
	exitHolds    = 0
	exitViolated = 1 // a violation or mismatch was found
	exitWrongUse = 2 // wrong use, or input that cannot be read
)

// codedError is an error that says with which code the command ends.
type codedError struct {
	code int
	err  error
}

func (e *codedError) Error() string { return e.err.Error() }
func (e *codedError) Unwrap() error { return e.err }

// violated ends the command with exit code 1.
func violated(format string, args ...any) error {
	return &codedError{exitViolated, fmt.Errorf(format, args...)}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	code := run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// run is main without the process around it.
func run(ctx context.Context, args []string) int {
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return exitHolds
	}
	fmt.Fprintf(os.Stderr, "switchyard: %v\n", err)
	var coded *codedError
	if errors.As(err, &coded) {
		return coded.code
	}
	return exitWrongUse
}

func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "switchyard",
		Short: "Linux's process switch as a machine: run it, step it, look at it",
		Long: `Switchyard is Linux's process switch as a machine that you can run and step.

It takes a schedule, recorded on a real machine or written by hand, and runs it through
context_switch() as Linux has it in six releases and on three architectures.

Exit codes: 0 all rules hold, 1 a violation or mismatch was found, 2 wrong use or unreadable input.`,
		SilenceErrors: true,
		SilenceUsage:  true,
	}
	root.AddCommand(newRunCommand(), newExplainCommand(), newPathsCommand(), newReleasesCommand(), newRegistersCommand(),
		newRecordCommand(), newVerifyCommand())
	return root
}
