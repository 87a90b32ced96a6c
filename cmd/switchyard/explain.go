package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/report"
	"switchyard/scenario"
	"switchyard/step"
)

type explainCommand struct {
	flags   machineFlags
	formats string
	asJSON  bool
	number  uint64
	from    uint64
	count   uint64
	task    string
	out     io.Writer

	told []report.ToldSwitch
}

func newExplainCommand() *cobra.Command {
	var e explainCommand
	cmd := &cobra.Command{
		Use:   "explain [FILE]",
		Short: "Tell switches of a schedule step by step",
		Long: `Tell switches of a schedule step by step: each step's label, its one line of why, and the
fields that it changed.

Switches are numbered from 1. In a scenario one operation may take several switches, or none;
what is told is the whole operation that made the switch. Of a schedule that check --save wrote all
is told.`,
		Example: `  switchyard explain --switch 1000
  switchyard explain perf.data --task kworker --count 3
  switchyard explain scenarios/02-borrow-and-repay.star --from 1 --count 2`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			e.out = cmd.OutOrStdout()
			file := ""
			if len(args) == 1 {
				file = args[0]
			}
			if isSchedule(file) {
				return e.schedule(cmd, file)
			}
			if err := e.settle(cmd); err != nil {
				return err
			}
			if isScenario(file) {
				return e.scenario(file)
			}
			return e.recording(cmd.Context(), file)
		},
	}
	e.flags.add(cmd.Flags())
	cmd.Flags().Uint64Var(&e.number, "switch", 0, "tell this switch")
	cmd.Flags().StringVar(&e.task, "task", "", "tell the switches from or to this task: a pid, or a name")
	cmd.Flags().Uint64Var(&e.from, "from", 1, "tell switches from this one on")
	cmd.Flags().Uint64Var(&e.count, "count", 1, "how many switches to tell")
	cmd.Flags().StringVar(&e.formats, "formats", "", "a perf.data that was cut off: tracing directory of the recorded kernel, as /sys/kernel/tracing, for the formats that it lost")
	cmd.Flags().BoolVar(&e.asJSON, "json", false, "print JSON; docs/json.md documents it")
	return cmd
}

// schedule tells the whole way of a schedule.
func (e *explainCommand) schedule(cmd *cobra.Command, file string) error {
	if err := onlyFlags(cmd, file); err != nil {
		return err
	}
	s, err := replaySchedule(file)
	if err != nil {
		return err
	}
	return s.explain(e.out, e.asJSON)
}

// settle makes --switch N what it is short for.
func (e *explainCommand) settle(cmd *cobra.Command) error {
	if cmd.Flags().Changed("switch") {
		if cmd.Flags().Changed("from") || cmd.Flags().Changed("count") || e.task != "" {
			return fmt.Errorf("--switch names one switch: leave out --from, --count and --task, or use them instead")
		}
		e.from = e.number
	}
	if e.from == 0 {
		return fmt.Errorf("switches are numbered from 1")
	}
	if e.count == 0 {
		return fmt.Errorf("--count 0 tells nothing")
	}
	return nil
}

// recordingNames names a recording's tasks and address spaces.
type recordingNames struct{ m *replay.Moment }

func (n recordingNames) TaskName(t machine.TaskID) string { return n.m.Task(t) }
func (n recordingNames) MMName(m machine.MMID) string     { return n.m.Space(m) }

func (e *explainCommand) recording(ctx context.Context, file string) error {
	opts, err := e.flags.replayOptions()
	if err != nil {
		return err
	}
	in, err := open(file, e.formats)
	if err != nil {
		return err
	}
	defer in.Close()
	bar := newProgress(in.name)
	opts.File, opts.Size, opts.Progress, opts.Observe = in.name, in.size, bar.update, e.observe
	_, err = replay.Run(ctx, in.Reader, opts)
	bar.done()
	if perr := e.print(); perr != nil {
		return perr
	}
	if err != nil && !e.enough() {
		return err
	}
	return e.missing(in.name)
}

func (e *explainCommand) enough() bool { return uint64(len(e.told)) >= e.count }

func (e *explainCommand) observe(m *replay.Moment) replay.Verdict {
	if e.enough() {
		return replay.Verdict{Stop: true}
	}
	if m.N < e.from || !e.concerns(m.Task(m.Prev)) && !e.concerns(m.Task(m.Next)) {
		return replay.Verdict{}
	}
	n := report.NewNarrator(m.Machine, recordingNames{m})
	told := report.ToldSwitch{Number: m.N, CPU: int(m.CPU), TimeNS: m.Event.Time, Prev: m.Task(m.Prev), Next: m.Task(m.Next)}
	return replay.Verdict{Watch: n, Done: func() {
		told.Steps = n.Steps
		e.told = append(e.told, told)
	}}
}

// concerns tells whether a task, as in "kworker/0:1/23", is the one that --task asks for.
func (e *explainCommand) concerns(name string) bool {
	if e.task == "" || name == e.task {
		return true
	}
	slash := strings.LastIndexByte(name, '/')
	return slash >= 0 && (name[:slash] == e.task || name[slash+1:] == e.task)
}

// missing says that what was asked for did not come.
func (e *explainCommand) missing(name string) error {
	if len(e.told) > 0 {
		return nil
	}
	if e.task != "" {
		return fmt.Errorf("%s has no switch from number %d on that concerns %q", name, e.from, e.task)
	}
	return fmt.Errorf("%s has no switch number %d", name, e.from)
}

func (e *explainCommand) print() error {
	if e.asJSON {
		return printJSON(e.out, struct {
			Switches []report.ToldSwitch `json:"switches"`
		}{append([]report.ToldSwitch{}, e.told...)})
	}
	for i := range e.told {
		if i > 0 {
			fmt.Fprintln(e.out)
		}
		if err := report.WriteSwitch(e.out, &e.told[i]); err != nil {
			return err
		}
	}
	return nil
}

func (e *explainCommand) scenario(file string) error {
	src, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	_, err = scenario.Run(file, src, scenario.Options{Override: e.flags.apply, Observer: &operationTeller{e: e}})
	if perr := e.print(); perr != nil {
		return perr
	}
	// What follows the switches that were asked for is not this command's business.
	if err != nil && !e.enough() {
		return scenarioVerdict(err)
	}
	return e.missing(file)
}

// operationTeller collects the steps of a scenario's operations, and keeps those that were asked for.
type operationTeller struct {
	e        *explainCommand
	narrator *report.Narrator
	prev     string
	cpu      machine.CPUID
	started  bool
}

func (t *operationTeller) Operation(o *scenario.Operation) {
	t.narrator, t.started = nil, false
	if !t.e.enough() {
		t.narrator = report.NewNarrator(o.Machine, o.Names)
	}
}

func (t *operationTeller) Before(cpu machine.CPUID, in *step.Instr) {
	if t.narrator == nil {
		return
	}
	t.narrator.Before(cpu, in)
	if !t.started {
		t.started, t.cpu = true, cpu
		t.prev = t.narrator.Current(cpu)
	}
}

func (t *operationTeller) After(cpu machine.CPUID, in *step.Instr) {
	if t.narrator != nil {
		t.narrator.After(cpu, in)
	}
}

func (t *operationTeller) Settled(o *scenario.Operation) {
	if t.narrator == nil || !t.started || o.Last < o.First || uint64(o.Last) < t.e.from {
		return
	}
	next := t.narrator.Current(t.cpu)
	if t.e.task != "" && !t.e.concerns(t.prev) && !t.e.concerns(next) {
		return
	}
	t.e.told = append(t.e.told, report.ToldSwitch{Number: uint64(o.First), CPU: int(t.cpu), Prev: t.prev, Next: next,
		Where: fmt.Sprintf("%s:%d: %s", o.File, o.Line, o.Text), Steps: t.narrator.Steps})
}

var (
	_ scenario.Observer = (*operationTeller)(nil)
	_ machine.Namer     = recordingNames{}
)
