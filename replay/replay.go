package replay

import (
	"context"
	"errors"
	"fmt"
	"io"

	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
	"switchyard/trace"
)

// run is a replay under way.
type run struct {
	opts Options
	m    *kernel.Machine
	back backstage

	recorded int // CPUs that the recording can have
	cpus     []cpu
	tasks    []task // the idle tasks first, by CPU
	unused   []int32
	pids     pidTable
	groups   map[int32]int32 // a task of each thread group that is in the machine
	bySlot   []int32         // position in tasks, by the machine's slot
	mms      []space         // by the machine's slot
	orphans  []machine.MMID

	paths paths
	frees bool // the recording says when task_structs are freed

	now      uint64
	event    *trace.Event
	facts    factCounts
	events   uint64
	switches uint64 // recorded
	replayed uint64
	breaks   uint64
	skipped  uint64
	skips    []string
	used     int    // slots of tasks, those of the idle tasks and backstage included
	existed  uint64 // address spaces made for what was there before
	freed    uint64 // MMsFreed as last looked at
	started  bool
	first    uint64
	last     uint64
	peak     int32
	outlived Outlived

	violations []Violation
	reported   int              // of them
	report     invariant.Report // found, made a value once
	topTasks   top[Task]
	topSpaces  top[Space]
}

// cpu is what is kept about a recorded CPU beside the machine's own.
type cpu struct {
	curr    int32 // who runs there, as a position in run.tasks
	pending int32 // a child of it whose beginning is not decided yet; noTask
	stands  Fact  // how the address space is known that is loaded there
	seen    bool  // it had an event
	broken  bool  // its last break is counted already
	since   uint64
}

// paths are the entries that replay uses often.
type paths struct {
	kernelClone, execMmap, exitMM, doExit, releaseTask, moveQueued, mmRelease uint32
}

func lookUp(p *step.Program) paths {
	return paths{
		kernelClone: p.Entry("kernel_clone"), execMmap: p.Entry("exec_mmap"), exitMM: p.Entry("exit_mm"), doExit: p.Entry("do_exit"),
		releaseTask: p.Entry("release_task"), moveQueued: p.Entry("move_queued_task"), mmRelease: p.Entry("mm_release"),
	}
}

// progressEvery is how many events pass between two looks at the context.
const progressEvery = 1 << 14

// Run replays a recording from where its reader stands to its end. Where the recording is damaged, or
// ctx ends, or an event makes no sense to the machine, the error says so and the result is what was
// seen until then; only without any machine is it nil.
func Run(ctx context.Context, in *trace.Reader, opts Options) (*Result, error) {
	r, err := newRun(in, opts)
	if err != nil {
		return nil, err
	}
	err = r.replay(ctx, in)
	if opts.Progress != nil {
		opts.Progress(opts.Size, opts.Size)
	}
	return r.result(in, err), err
}

func newRun(in *trace.Reader, opts Options) (*run, error) {
	meta := in.Meta()
	config, port, err := opts.config(meta)
	if err != nil {
		return nil, err
	}
	m, err := kernel.Boot(config, port)
	if err != nil {
		return nil, err
	}
	if opts.Top == 0 {
		opts.Top = usualTop
	}
	if opts.Check == nil {
		opts.Check = invariant.CheckCPU
	}
	r := &run{opts: opts, m: m, recorded: config.CPUs - 1, used: config.CPUs + 1, groups: map[int32]int32{}, paths: lookUp(m.Prog),
		frees:    saysFrees(meta),
		topTasks: top[Task]{n: opts.Top, order: byTime}, topSpaces: top[Space]{n: opts.Top, order: bySwitches}}
	r.report = r.found
	r.sizeSlots()
	for i := range r.recorded {
		r.addIdle(int32(i))
	}
	if err := r.uncounted(r.setBackstage); err != nil {
		return nil, err
	}
	r.m.Stats = machine.Stats{}
	return r, nil
}

func (r *run) addIdle(i int32) {
	r.cpus = append(r.cpus, cpu{curr: i, pending: noTask, stands: Unknown})
	r.tasks = append(r.tasks, task{slot: machine.TaskID(i), cpu: i, kind: idleTask, fact: Exact, pendingOn: trace.Unknown, waitsFor: machine.NoTask})
	r.bySlot[i] = i
}

// saysFrees tells whether the end of a task_struct is among the recorded events.
func saysFrees(m *trace.Meta) bool {
	for _, name := range m.Events {
		if name == "sched:sched_process_free" || name == "sched_process_free" {
			return true
		}
	}
	return false
}

func (r *run) replay(ctx context.Context, in *trace.Reader) error {
	var e trace.Event
	r.event = &e
	for {
		if r.events%progressEvery == 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			if r.opts.Progress != nil {
				r.opts.Progress(e.Offset, r.opts.Size)
			}
		}
		if err := in.Next(&e); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		r.events++
		if err := r.take(&e); err != nil {
			if errors.Is(err, errStop) {
				return nil
			}
			return fmt.Errorf("byte %d, %s at %d ns: %w", e.Offset, e.Kind, e.Time, err)
		}
		if r.m.ViolationCount != r.reported {
			r.collect()
		}
	}
}

var errStop = errors.New("the observer has seen enough")

// take makes one event happen.
func (r *run) take(e *trace.Event) error {
	if e.Source != trace.Synthesized {
		r.now = e.Time
		if !r.started {
			r.started, r.first = true, e.Time
		}
		r.last = max(r.last, e.Time)
	}
	if uint32(e.CPU) >= uint32(r.recorded) && e.Source != trace.Synthesized {
		if e.Kind == trace.Switch {
			r.switches++
		}
		if e.CPU != trace.Unknown || e.Kind == trace.Switch {
			r.skip("CPU %d is none of the machine's %d: give more with --cpus", e.CPU, r.recorded)
			return nil
		}
	}
	switch e.Kind {
	case trace.Switch:
		return r.onSwitch(e)
	case trace.Wakeup, trace.WakeupNew:
		return r.onWakeup(e)
	case trace.Fork:
		return r.onFork(e)
	case trace.Exec:
		return r.onExec(e)
	case trace.Exit:
		return r.onExit(e)
	case trace.Comm:
		return r.onComm(e)
	case trace.Mmap:
		r.onMmap(e)
	case trace.ProcessFree:
		return r.onFree(e)
	case trace.Lost:
		r.onLost(e)
	}
	return nil
}

// maxSkips is how many different reasons are kept.
const maxSkips = 8

// skip leaves an event out, and says why.
func (r *run) skip(format string, args ...any) {
	r.skipped++
	if len(r.skips) < maxSkips {
		r.skips = append(r.skips, fmt.Sprintf("byte %d: %s", r.event.Offset, fmt.Sprintf(format, args...)))
	}
}

// enter has the task that runs on cpu enter a path.
func (r *run) enter(cpu machine.CPUID, path uint32, f machine.Frame) error {
	r.m.Push(cpu, path, f)
	return r.m.Settle(cpu)
}
