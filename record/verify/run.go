package verify

import (
	"context"
	"errors"
	"fmt"
	"io"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/record/tape"
	"switchyard/step"
)

// Options change what the recording is held against.
type Options struct {
	// Variations take the place of paths of the release: a machine with a known fault, to see that it is found.
	Variations []*step.Path
}

// run is a verification under way.
type run struct {
	m       *kernel.Machine
	arm     bool
	thp     bool // huge pages are always on
	virtual bool // the recorded machine has a hypervisor
	report  *Report

	cpus   []cpu
	tasks  map[uint32]*task
	spaces map[tape.MMID]*space
	names  []*space // by the machine's slot
	live   int      // slots of tasks in use

	now        int64
	asidsKnown bool
	doubts     []*doubt
	ops        [operations]uint64
	suspects   []suspect
}

// unfinished is how long a CPU may be between its event and what it does then, if it has no other event meanwhile. The
// work takes microseconds, but the CPU may be a virtual one and stopped in its middle for a host's time slice.
const unfinished = 20_000_000

// Run verifies a recording from where its reader stands to its end.
func Run(ctx context.Context, in *tape.Reader, o Options) (*Report, error) {
	meta := in.Meta()
	m, err := boot(meta, o.Variations)
	if err != nil {
		return nil, err
	}
	r := &run{
		m: m, arm: m.S.Config.Arch == machine.ARM64, thp: meta.Config["transparent_hugepage"] == "always",
		report: &Report{Release: meta.Release, Modelled: m.S.Config.Release.String(), Arch: meta.Arch, CPUs: meta.Online},
		cpus:   make([]cpu, meta.CPUs), tasks: map[uint32]*task{}, spaces: map[tape.MMID]*space{},
		live: meta.CPUs, virtual: meta.Config["hypervisor"] == "true",
	}
	for i := range r.cpus {
		idle := &task{slot: machine.TaskID(i), idle: true}
		r.cpus[i].curr, r.cpus[i].idle = idle, idle
	}
	err = r.all(ctx, in)
	for len(r.doubts) > 0 {
		r.settle(r.doubts[0])
	}
	r.judge()
	r.report.Rollovers = r.m.Stats.Rollovers
	for _, v := range r.m.Violations {
		r.report.Violations = append(r.report.Violations, fmt.Sprintf("%s on CPU %d: %s", v.Rule, v.CPU, v.Detail))
	}
	return r.report, err
}

func (r *run) all(ctx context.Context, in *tape.Reader) error {
	var e tape.Event
	for {
		if r.report.Events%(1<<14) == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		err := in.Next(&e)
		var cut *tape.CutError
		switch {
		case err == io.EOF:
			return nil
		case errors.As(err, &cut):
			r.report.Cut = cut
			return nil
		case err != nil:
			return err
		}
		r.report.Events++
		if int(e.CPU) >= len(r.cpus) {
			return fmt.Errorf("event %d is on CPU %d, but the recording says the machine has %d: the file is damaged", r.report.Events-1, e.CPU, len(r.cpus))
		}
		if err := r.take(&e); err != nil {
			return fmt.Errorf("event %d (%s at %d ns on CPU %d): %w", r.report.Events-1, e.Kind, e.Time, e.CPU, err)
		}
	}
}

// take makes one event happen.
func (r *run) take(e *tape.Event) error {
	switch e.Kind {
	case tape.Lost:
		r.report.Dropped += uint64(e.Arg)
		r.disturbAll()
		return nil
	case tape.Ready, tape.Rename, tape.PrepareExec, tape.Gap:
		return nil
	case tape.Snapshot:
		return r.snapshot(e)
	case tape.Free:
		return r.freed(e)
	case tape.ExitMmap:
		return r.tornDown(e)
	case tape.Slot, tape.InvalidateOther:
		return r.toldSlots(e)
	}
	r.now = e.Time
	c := &r.cpus[e.CPU]
	var err error
	switch e.Kind {
	case tape.Switch:
		err = r.switched(c, e)
	case tape.Fork:
		err = r.forked(c, e)
	case tape.Exec:
		err = r.execed(c, e)
	case tape.Exit:
		err = r.exited(c, e)
	}
	c.last = e.Time
	if e.Kind != tape.Switch {
		c.curr.acted = e.Time
	}
	if len(r.doubts) > 0 {
		r.passed(int(e.CPU))
	}
	return err
}

// disturbAll: nobody knows what a lost event would have said.
func (r *run) disturbAll() {
	for _, s := range r.spaces {
		s.disturbed = true
	}
}

// snapshot takes over an address space, and with it its counts. Its task comes when it is first seen to run: who
// forks, executes or exits was switched to before.
func (r *run) snapshot(e *tape.Event) error {
	_, err := r.lookUp(&e.User)
	return err
}

// freed ends a task_struct. One that still lives belongs to an earlier task of the same pid.
func (r *run) freed(e *tape.Event) error {
	if t := r.tasks[e.Prev.PID]; t != nil && t.dead {
		return r.forget(t)
	}
	return nil
}
