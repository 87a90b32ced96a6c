package main

import (
	"context"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"switchyard/record/verify"
)

func newVerifyCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Hold the machine against a recorded kernel, fact by fact",
		Long: `Drive the machine with the schedule of a recording that record made, in the recorded kernel's release and
options, and compare before every switch what the machine has with what the kernel had.

Only the schedule and what existed when the recording began go into a prediction. Where the two differ, the
difference is filed under a cause. The exit code is 0 when nothing is our fault.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			report, err := verifyRecording(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			if asJSON {
				err = verifyJSON(out, report)
			} else {
				err = report.Write(out)
			}
			if err == nil && report.Fault() {
				return violated("the machine was wrong %d times in what cannot be anybody else's doing", report.Causes[verify.OurFault]+uint64(len(report.Violations)))
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON; docs/json.md documents it")
	return cmd
}

func verifyRecording(ctx context.Context, file string) (*verify.Report, error) {
	report, err := verify.File(ctx, file)
	if err != nil {
		return nil, err
	}
	if report.Cut != nil && report.Switches == 0 {
		return nil, fmt.Errorf("%s: %w; no switch stands before that", file, report.Cut)
	}
	return report, nil
}

type factJSON struct {
	Checked   uint64  `json:"checked"`
	Predicted uint64  `json:"predicted"`
	Interval  uint64  `json:"interval"`
	Percent   float64 `json:"percent"`
}

func verifyJSON(w io.Writer, r *verify.Report) error {
	facts, causes, mismatches := map[string]factJSON{}, map[string]uint64{}, map[string][]string{}
	r.Each(func(f verify.Fact, t verify.Tally) {
		facts[f.String()] = factJSON{t.Checked, t.Predicted, t.Interval, t.Percent()}
	})
	for i, n := range r.Causes {
		causes[verify.Cause(i).String()] = n
		for _, m := range r.Mismatches[i] {
			mismatches[verify.Cause(i).String()] = append(mismatches[verify.Cause(i).String()], m.String())
		}
	}
	return printJSON(w, map[string]any{
		"release": r.Release, "modelled": r.Modelled, "arch": r.Arch, "cpus": r.CPUs, "events": r.Events, "switches": r.Switches,
		"facts": facts, "causes": causes, "mismatches": mismatches, "lost": r.Dropped, "gaps": r.Gaps, "rollovers": r.Rollovers,
		"cut": r.Cut != nil, "rules_broken": len(r.Violations),
	})
}
