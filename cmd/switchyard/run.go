package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/invariant"
	"switchyard/replay"
	"switchyard/report"
	"switchyard/scenario"
)

type runCommand struct {
	flags   machineFlags
	formats string
	asJSON  bool
	top     int
	out     io.Writer
}

func newRunCommand() *cobra.Command {
	var r runCommand
	cmd := &cobra.Command{
		Use:   "run [FILE]",
		Short: "Run a recorded or written schedule and report what every switch did",
		Long: `Run a schedule through Linux's process switch and report what every switch did to address
spaces, references and TLBs.

FILE is a scenario (FILE.star), or a recording, whose format is known by its content: perf.data
of perf sched record, the text of ftrace's trace and trace_pipe, or what record wrote. "-" reads a
recording from standard input. Without FILE the bundled recording is run. A schedule that check
--save wrote is gone again, on the machine that it was found on.

A recording is replayed on the machine that it was made on, as far as it tells; flags put
another kernel, architecture or setting in its place. A scenario builds its own machines, and
flags change them.`,
		Example: `  switchyard run
  switchyard run perf.data --arch arm64 --asid-bits 8
  switchyard run scenarios/02-borrow-and-repay.star
  perf sched record -o - -- make | switchyard run -`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.out = cmd.OutOrStdout()
			file := ""
			if len(args) == 1 {
				file = args[0]
			}
			if isScenario(file) {
				return r.scenario(file)
			}
			if isSchedule(file) {
				return r.schedule(cmd, file)
			}
			return r.recording(cmd.Context(), file)
		},
	}
	r.flags.add(cmd.Flags())
	cmd.Flags().StringVar(&r.formats, "formats", "", "a perf.data that was cut off: tracing directory of the recorded kernel, as /sys/kernel/tracing, for the formats that it lost")
	cmd.Flags().BoolVar(&r.asJSON, "json", false, "print JSON; docs/json.md documents it")
	cmd.Flags().IntVar(&r.top, "top", 10, "recordings: how many tasks and address spaces are listed")
	return cmd
}

// schedule goes the way of a schedule, which is one through a certain machine.
func (r *runCommand) schedule(cmd *cobra.Command, file string) error {
	if err := onlyFlags(cmd, file); err != nil {
		return err
	}
	s, err := replaySchedule(file)
	if err != nil {
		return err
	}
	return s.run(r.out, r.asJSON)
}

func isScenario(file string) bool { return strings.HasSuffix(file, ".star") }

func (r *runCommand) recording(ctx context.Context, file string) error {
	opts, err := r.flags.replayOptions()
	if err != nil {
		return err
	}
	in, err := open(file, r.formats)
	if err != nil {
		return err
	}
	defer in.Close()
	bar := newProgress(in.name)
	opts.File, opts.Size, opts.Top, opts.Progress = in.name, in.size, r.top, bar.update
	opts.Check = invariant.CheckCPU
	res, err := replay.Run(ctx, in.Reader, opts)
	bar.done()
	if res == nil {
		return err
	}
	if werr := r.print(res); werr != nil {
		return werr
	}
	return verdict(res, err)
}

func (r *runCommand) print(res *replay.Result) error {
	if r.asJSON {
		return report.WriteRunJSON(r.out, res)
	}
	return report.WriteRun(report.Terminal(r.out), res)
}

// verdict turns how a replay went into how the command ends.
func verdict(res *replay.Result, err error) error {
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("interrupted: the report covers what was read until then")
	case err != nil:
		return err
	case res.Input.Ended != nil:
		return res.Input.Ended
	case res.ViolationCount > 0:
		return violated("%d violations", res.ViolationCount)
	}
	return nil
}

func (r *runCommand) scenario(file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	res, err := scenario.Run(file, src, scenario.Options{Override: r.flags.apply})
	if werr := r.printScenario(res, err); werr != nil {
		return werr
	}
	return scenarioVerdict(err)
}

func (r *runCommand) printScenario(res *scenario.Result, err error) error {
	if res == nil {
		return nil
	}
	if r.asJSON {
		return report.WriteScenarioJSON(r.out, res, err)
	}
	return report.WriteScenario(report.Terminal(r.out), res, err)
}

func scenarioVerdict(err error) error {
	var e *scenario.Error
	if errors.As(err, &e) {
		return &codedError{e.ExitCode(), e}
	}
	return err
}
