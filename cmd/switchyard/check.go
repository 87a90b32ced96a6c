package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"switchyard/check"
	"switchyard/machine"
	"switchyard/report"
)

type checkCommand struct {
	release, arch, lazy, breakName, save string
	spill                                string
	list, listBreaks, asJSON, liveness   bool
	replay                               string
	memory                               int
	workers                              int
	simulate                             int
	seed                                 uint64
	setup                                check.Setup
	out                                  io.Writer
}

func newCheckCommand() *cobra.Command {
	var k checkCommand
	cmd := &cobra.Command{
		Use:   "check [MODEL]",
		Short: "Explore every interleaving of a small machine, or show the shortest way to break a rule",
		Long: `Explore every interleaving of a small machine that runs the very paths of the kernel, and say that
the rules hold, or show the shortest schedule that breaks one.

MODEL is one of those that --list lists; docs/check.md describes them. With --break the same model
runs with one thing wrong.`,
		Example: `  switchyard check --list
  switchyard check context-switch --release 6.12
  switchyard check --break exit-mm-without-grab
  switchyard check asid --tasks 6 --memory 16384`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			k.out = cmd.OutOrStdout()
			switch {
			case k.list:
				return k.models()
			case k.listBreaks:
				return k.breaks()
			case k.replay != "":
				return k.again()
			}
			model := ""
			if len(args) == 1 {
				model = args[0]
			}
			return k.run(cmd, model)
		},
	}
	f := cmd.Flags()
	f.BoolVar(&k.list, "list", false, "list the models")
	f.BoolVar(&k.listBreaks, "list-breaks", false, "list what --break knows")
	f.StringVar(&k.breakName, "break", "", "run the model with this bug, historical or seeded")
	f.StringVar(&k.release, "release", "", "kernel release whose rules apply; by default the newest, or the newest that has the bug")
	f.StringVar(&k.arch, "arch", "", "architecture: arm64, x86-64 or classic; by default the model's own")
	f.StringVar(&k.lazy, "lazy", "refcount", "how a borrowed address space is kept alive: refcount, shootdown or off")
	f.IntVar(&k.setup.Size.CPUs, "cpus", 0, "number of CPUs; 0, as for the sizes below, means as the model has it")
	f.IntVar(&k.setup.Size.Tasks, "tasks", 0, "room for tasks, beside the idle ones")
	f.IntVar(&k.setup.Size.MMs, "mms", 0, "room for address spaces, beside init_mm")
	f.IntVar(&k.setup.Size.Changes, "changes", 0, "page-table changes of an address space that are counted at once")
	f.IntVar(&k.setup.Size.ASIDs, "asids", 0, "arm64: how many ASIDs a generation has, a power of two")
	f.IntVar(&k.setup.Size.Generations, "generations", 0, "arm64: ASID generations to look at; -1 means all, however many rollovers come")
	f.StringSliceVar(&k.setup.Actions, "actions", nil, "what may happen; by default as the model has it. --list lists them")
	f.StringSliceVar(&k.setup.Options, "options", nil, "of the machine: "+strings.Join(check.OptionNames(), ", "))
	f.BoolVar(&k.setup.NoReduction, "no-reduction", false, "no symmetry and no partial-order reduction, for comparison")
	f.BoolVar(&k.liveness, "liveness", true, "once all states were seen, check that what is begun ends and no wake-up is lost")
	f.IntVar(&k.memory, "memory", 0, "MiB for states; 0 means three quarters of what the machine has. Past it states go to disk")
	f.StringVar(&k.spill, "spill", os.TempDir(), "directory for states that --memory does not hold; nothing is left there. Empty means to stop instead and say what was covered")
	f.IntVar(&k.workers, "workers", 0, "how many cores to use; 0 means all")
	f.StringVar(&k.save, "save", "", "write the schedule that breaks a rule to this file")
	f.StringVar(&k.replay, "replay", "", "go the way of a schedule that --save wrote")
	f.IntVar(&k.simulate, "simulate", 0, "walk at random for this many seconds instead of looking at everything")
	f.Uint64Var(&k.seed, "seed", 0, "where --simulate begins; 0 means anywhere, and it is printed")
	f.BoolVar(&k.asJSON, "json", false, "print JSON; docs/check.md documents it")
	return cmd
}

func (k *checkCommand) models() error {
	if k.asJSON {
		type told struct {
			Name     string     `json:"name"`
			Question string     `json:"question"`
			Arch     string     `json:"arch"`
			Since    string     `json:"since"`
			Rules    []string   `json:"rules"`
			Actions  []string   `json:"actions"`
			Size     check.Size `json:"size"`
		}
		var all []told
		for _, m := range check.Models() {
			all = append(all, told{m.Name, m.Question, m.Arch.String(), m.Since.String(), m.Rules, m.Actions, m.Size})
		}
		return printJSON(k.out, all)
	}
	for _, m := range check.Models() {
		fmt.Fprintf(k.out, "%s   %s, since %s\n  %s\n  rules    %s\n  actions  %s\n  size     %s\n\n", m.Name, m.Arch, m.Since, m.Question,
			strings.Join(m.Rules, " "), strings.Join(m.Actions, ", "), m.Size)
	}
	fmt.Fprintln(k.out, "actions:")
	for _, a := range check.Actions() {
		fmt.Fprintf(k.out, "  %-12s %s\n", a[0], a[1])
	}
	return nil
}

func (k *checkCommand) breaks() error {
	all := check.Breaks()
	if k.asJSON {
		return printJSON(k.out, all)
	}
	for _, b := range all {
		fmt.Fprintf(k.out, "%s   %s, %s\n  %s\n", b.Name, b.Model, b.Release, b.Sentence)
	}
	return nil
}

// prepare makes the setup that the flags ask for, and finds the model.
func (k *checkCommand) prepare(cmd *cobra.Command, name string) (*check.Model, error) {
	k.setup.Release = machine.Newest
	var err error
	given := cmd.Flags().Changed("release")
	if given {
		if k.setup.Release, err = machine.ParseRelease(k.release); err != nil {
			return nil, fmt.Errorf("--release: %w", err)
		}
	}
	if k.arch != "" {
		a, err := machine.ParseArch(k.arch)
		if err != nil {
			return nil, fmt.Errorf("--arch: %w", err)
		}
		k.setup.Arch = &a
	}
	if k.setup.Lazy, err = machine.ParseLazyMode(k.lazy); err != nil {
		return nil, fmt.Errorf("--lazy: %w", err)
	}
	if k.breakName != "" {
		b, err := check.FindBreak(k.breakName)
		if err != nil {
			return nil, err
		}
		b.Apply(&k.setup, given)
		if name == "" {
			name = b.Model
		}
	}
	if name == "" {
		return nil, fmt.Errorf("which model? switchyard check --list lists them")
	}
	return check.FindModel(name)
}

func (k *checkCommand) run(cmd *cobra.Command, name string) error {
	m, err := k.prepare(cmd, name)
	if err != nil {
		return err
	}
	w, err := m.Build(k.setup)
	if err != nil {
		return err
	}
	if k.simulate > 0 {
		return k.walk(cmd.Context(), m, w)
	}
	opt := check.Options{Workers: k.workers, Memory: k.bound(), Spill: k.spill, Liveness: k.liveness}
	debug.SetMemoryLimit(opt.Memory)
	if term.IsTerminal(int(os.Stderr.Fd())) {
		opt.Progress = showProgress
	}
	res := check.Search(cmd.Context(), w, opt)
	if opt.Progress != nil {
		fmt.Fprint(os.Stderr, "\r\033[K")
	}
	return k.tell(m, w, res)
}

// bound is what states may take: as asked for, else three quarters of the machine's memory.
func (k *checkCommand) bound() int64 {
	if k.memory > 0 {
		return int64(k.memory) << 20
	}
	return machineMemory() / 4 * 3
}

func showProgress(p check.Progress) {
	rate := float64(p.Generated) / p.Elapsed.Seconds()
	memory := fmt.Sprintf("%d MiB", p.Bytes>>20)
	if p.Memory > 0 {
		memory += fmt.Sprintf(" of %d", p.Memory>>20)
	}
	if p.Disk > 0 {
		memory += fmt.Sprintf(", %d on disk", p.Disk>>20)
	}
	fmt.Fprintf(os.Stderr, "\r\033[Kdepth %d   %d states, %d in front   %.2f million/s   %s   %s", p.Depth, p.Distinct, p.Frontier, rate/1e6, memory, p.Elapsed.Round(time.Second))
}

// told is what --json prints.
type told struct {
	Model           string     `json:"model"`
	Release         string     `json:"release"`
	Arch            string     `json:"arch"`
	Memory          string     `json:"memory"`
	Break           string     `json:"break,omitempty"`
	Size            check.Size `json:"size"`
	Holds           bool       `json:"holds"`
	Complete        bool       `json:"complete"`
	Stopped         string     `json:"stopped,omitempty"`
	Distinct        uint64     `json:"distinct"`
	Generated       uint64     `json:"generated"`
	Depth           int        `json:"depth"`
	Seconds         float64    `json:"seconds"`
	StatesPerSecond float64    `json:"states_per_second"`
	PeakBytes       int64      `json:"peak_bytes"`
	DiskBytes       int64      `json:"disk_bytes"`
	BytesPerState   float64    `json:"bytes_per_state"`
	Reductions      []string   `json:"reductions"`
	Liveness        string     `json:"liveness"`
	Violation       *violation `json:"violation"`
}

type violation struct {
	Rule     string       `json:"rule"`
	Sentence string       `json:"sentence"`
	Steps    []check.Step `json:"steps"`
}

// liveness says what was found out about what has to happen.
func liveness(r *check.Result) string {
	switch {
	case r.Liveness != "":
		return r.Liveness
	case r.Found != nil:
		return "not checked: a rule is broken before"
	}
	return "not checked: --liveness=false"
}

func (k *checkCommand) tell(m *check.Model, w *check.World, r *check.Result) error {
	c := w.Machine()
	t := told{Model: m.Name, Release: c.Release.String(), Arch: c.Arch.String(), Memory: c.Memory.String(), Break: k.breakName, Size: k.setup.Size.Or(m.Size),
		Holds: r.Found == nil && r.Stopped == "", Complete: r.Stopped == "", Stopped: r.Stopped,
		Distinct: r.Distinct, Generated: r.Generated, Depth: r.Depth, Seconds: r.Elapsed.Seconds(), StatesPerSecond: r.Rate(),
		PeakBytes: r.PeakBytes, DiskBytes: r.DiskBytes, BytesPerState: r.Bytes, Reductions: w.Reductions(), Liveness: liveness(r)}
	if r.Found != nil {
		t.Violation = &violation{Rule: r.Found.Broken.Rule, Sentence: r.Found.Broken.Detail, Steps: w.Tell(r.Found)}
		if err := k.keep(m, w, r.Found); err != nil {
			return err
		}
	}
	if err := k.print(&t, r); err != nil {
		return err
	}
	switch {
	case r.Found != nil:
		return violated("%s: %s", r.Found.Broken.Rule, r.Found.Broken.Detail)
	case r.Stopped != "":
		return fmt.Errorf("not everything was seen: %s", r.Stopped)
	}
	return nil
}

func (k *checkCommand) print(t *told, r *check.Result) error {
	if k.asJSON {
		return printJSON(k.out, t)
	}
	fmt.Fprintf(k.out, "%s on %s, %s: %s\n", t.Model, t.Arch, t.Release, t.Size)
	if t.Memory != machine.Sequential.String() {
		fmt.Fprintf(k.out, "store buffers: %s\n", t.Memory)
	}
	if t.Violation != nil {
		if err := report.WriteSteps(k.out, forReport(t.Violation.Steps)); err != nil {
			return err
		}
		fmt.Fprintf(k.out, "%s is broken: %s\n\n", t.Violation.Rule, t.Violation.Sentence)
	} else if t.Complete {
		fmt.Fprintln(k.out, "holds: every state was seen")
	} else {
		fmt.Fprintf(k.out, "no rule was broken, but not everything was seen: %s\n", t.Stopped)
	}
	space := fmt.Sprintf("%d MiB, %.0f bytes a state", t.PeakBytes>>20, t.BytesPerState)
	if t.DiskBytes > 0 {
		space = fmt.Sprintf("%d MiB, and %d MiB on disk", t.PeakBytes>>20, t.DiskBytes>>20)
	}
	fmt.Fprintf(k.out, "%d distinct states, %d generated, depth %d; %.1f s, %.2f million states/s; %s\n",
		t.Distinct, t.Generated, t.Depth, t.Seconds, t.StatesPerSecond/1e6, space)
	for _, red := range t.Reductions {
		fmt.Fprintf(k.out, "  reduced by %s\n", red)
	}
	_, err := fmt.Fprintf(k.out, "  liveness: %s\n", t.Liveness)
	return err
}

func forReport(steps []check.Step) []report.ToldStep {
	all := make([]report.ToldStep, 0, len(steps))
	for _, s := range steps {
		to := report.ToldStep{CPU: s.CPU, Task: s.Task, Path: s.Path, Step: s.Step, Why: s.Why}
		if to.Path == "" {
			to.Path = "what happens"
		}
		for _, c := range s.Changes {
			to.Changes = append(to.Changes, report.ToldChange(c))
		}
		all = append(all, to)
	}
	return slices.Clip(all)
}

// keep writes the schedule where --save says.
func (k *checkCommand) keep(m *check.Model, w *check.World, t *check.Trail) error {
	if k.save == "" {
		return nil
	}
	f, err := os.Create(k.save)
	if err != nil {
		return err
	}
	if err := check.ScheduleOf(m, &k.setup, w, t).Write(f); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

// again goes the way of a schedule.
func (k *checkCommand) again() error {
	s, err := replaySchedule(k.replay)
	if err != nil {
		return err
	}
	return s.explain(k.out, k.asJSON)
}

// walk goes at random.
func (k *checkCommand) walk(ctx context.Context, m *check.Model, w *check.World) error {
	if k.seed == 0 {
		k.seed = uint64(time.Now().UnixNano())
	}
	ctx, stop := context.WithTimeout(ctx, time.Duration(k.simulate)*time.Second)
	defer stop()
	r := check.Walk(ctx, w, k.seed)
	if !k.asJSON {
		fmt.Fprintf(k.out, "seed %d: %d walks, %d steps\n", k.seed, r.Walks, r.Steps)
	}
	if r.Found == nil {
		if k.asJSON {
			return printJSON(k.out, map[string]any{"model": m.Name, "seed": k.seed, "walks": r.Walks, "steps": r.Steps, "violation": nil})
		}
		fmt.Fprintln(k.out, "no rule was broken on the way")
		return nil
	}
	if err := k.keep(m, w, r.Found); err != nil {
		return err
	}
	steps := w.Tell(r.Found)
	if k.asJSON {
		v := violation{Rule: r.Found.Broken.Rule, Sentence: r.Found.Broken.Detail, Steps: steps}
		if err := printJSON(k.out, map[string]any{"model": m.Name, "seed": k.seed, "walks": r.Walks, "steps": r.Steps, "violation": v}); err != nil {
			return err
		}
	} else if err := report.WriteSteps(k.out, forReport(steps)); err != nil {
		return err
	}
	return violated("%s: %s", r.Found.Broken.Rule, r.Found.Broken.Detail)
}

// machineMemory is how much memory the machine has, as far as that can be known; else 4 GiB.
func machineMemory() int64 {
	const otherwise = 4 << 30
	if runtime.GOOS != "linux" {
		return otherwise
	}
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return otherwise
	}
	var kib int64
	if _, err := fmt.Sscanf(string(text), "MemTotal: %d kB", &kib); err != nil {
		return otherwise
	}
	return kib << 10
}
