package main

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"switchyard/check"
	"switchyard/report"
)

// schedule is a way to a violation that check saved, gone again.
type schedule struct {
	file  string
	saved *check.Schedule
	rule  string
	said  string // the sentence
	steps []check.Step
}

// isSchedule tells a saved schedule by its first lines. What cannot be read is no schedule: whoever opens it next says why.
func isSchedule(file string) bool {
	f, err := os.Open(file)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 256)
	n, _ := io.ReadFull(f, head)
	text := strings.TrimLeft(string(head[:n]), " \t\r\n")
	return strings.HasPrefix(text, "{") && strings.Contains(text, `"switchyard check schedule `)
}

func replaySchedule(file string) (*schedule, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	s, err := check.ReadSchedule(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	w, t, err := s.Replay()
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return &schedule{file, s, t.Broken.Rule, t.Broken.Detail, w.Tell(t)}, nil
}

// verdict is what ends the command: the violation, if the way still leads to one.
func (s *schedule) verdict(out io.Writer, asJSON bool) error {
	if s.rule == "" {
		if !asJSON {
			fmt.Fprintf(out, "no rule is broken on this way any more; it was saved for %s\n", s.saved.Rule)
		}
		return nil
	}
	return violated("%s: %s", s.rule, s.said)
}

// explain tells every step.
func (s *schedule) explain(out io.Writer, asJSON bool) error {
	if asJSON {
		return s.json(out)
	}
	if err := report.WriteSteps(out, forReport(s.steps)); err != nil {
		return err
	}
	return s.verdict(out, false)
}

// run says what became of it.
func (s *schedule) run(out io.Writer, asJSON bool) error {
	if asJSON {
		return s.json(out)
	}
	c := s.saved
	fmt.Fprintf(out, "%s  a schedule of switchyard check\n  model     %s: %s\n  machine   Linux %s's rules, %s, lazy %s\n", s.file, c.Model, c.Size, c.Release, c.Arch, c.Lazy)
	if c.Break != "" {
		fmt.Fprintf(out, "  spoilt    %s\n", c.Break)
	}
	fmt.Fprintf(out, "  taken     %d actions, %d steps\n", len(c.Taken), len(s.steps))
	if s.rule != "" {
		fmt.Fprintf(out, "  broken    %s: %s\n", s.rule, s.said)
	}
	return s.verdict(out, false)
}

func (s *schedule) json(out io.Writer) error {
	if err := printJSON(out, &violation{Rule: s.rule, Sentence: s.said, Steps: s.steps}); err != nil {
		return err
	}
	return s.verdict(out, true)
}

// onlyFlags refuses what would change the machine, or choose among switches: a schedule has one of its own and is one way.
func onlyFlags(cmd *cobra.Command, file string) error {
	var given []string
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if f.Name != "json" {
			given = append(given, "--"+f.Name)
		}
	})
	if len(given) > 0 {
		return fmt.Errorf("%s is a schedule, which goes one way through one machine: leave out %s", file, strings.Join(given, ", "))
	}
	return nil
}
