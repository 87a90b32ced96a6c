package replay

import (
	"switchyard/machine"
)

// backstage is a CPU that the recording does not have. What existed before the recording has to be made by
// somebody, somewhere: here, by a process that plays init, so that no CPU of the recording loads a root,
// flushes anything or runs out of identifiers because of it. In between the CPU is offline, where no
// interrupt can reach it. Nothing that happens here is counted.
type backstage struct {
	cpu  machine.CPUID
	init machine.TaskID // the process that stands there
	open bool
}

// setBackstage makes the process that stands there. The machine has just been booted.
func (r *run) setBackstage() error {
	b := &r.back
	b.cpu = machine.CPUID(r.recorded)
	var err error
	if b.init, err = r.freeTask(); err != nil {
		return err
	}
	mm, err := r.freeMM()
	if err != nil {
		return err
	}
	if err := r.enter(b.cpu, r.paths.kernelClone, machine.Frame{Next: b.init, CPU: b.cpu, MM: mm}); err != nil {
		return err
	}
	if err := r.m.Switch(b.cpu, b.init, false); err != nil {
		return err
	}
	if err := r.enter(b.cpu, r.paths.execMmap, machine.Frame{MM: mm}); err != nil {
		return err
	}
	b.open = true
	return r.leaveBackstage()
}

func (r *run) enterBackstage() error {
	b := &r.back
	if b.open {
		return nil
	}
	b.open = true
	if err := r.m.Online(b.cpu); err != nil {
		return err
	}
	return r.m.Switch(b.cpu, b.init, false)
}

func (r *run) leaveBackstage() error {
	b := &r.back
	if !b.open {
		return nil
	}
	b.open = false
	if err := r.m.Switch(b.cpu, r.m.S.CPUs[b.cpu].Idle, false); err != nil {
		return err
	}
	return r.m.Offline(b.cpu, 0)
}

// forkBackstage makes a process with an address space of its own, to run on cpu.
func (r *run) forkBackstage(child machine.TaskID, mm machine.MMID, cpu machine.CPUID) error {
	if err := r.enterBackstage(); err != nil {
		return err
	}
	if err := r.enter(r.back.cpu, r.paths.kernelClone, machine.Frame{Next: child, CPU: cpu, MM: mm}); err != nil {
		return err
	}
	return r.leaveBackstage()
}

// as runs do as a task that runs on no CPU, backstage. The task is left as it was: asleep if it slept.
func (r *run) as(t machine.TaskID, do func(machine.CPUID) error) error {
	task := &r.m.S.Tasks[t]
	cpu, state, slept := task.CPU, task.State, task.OnRQ == 0
	if err := r.enterBackstage(); err != nil {
		return err
	}
	if err := r.m.Place(t, r.back.cpu); err != nil {
		return err
	}
	if err := r.m.Switch(r.back.cpu, t, false); err != nil {
		return err
	}
	if err := do(r.back.cpu); err != nil {
		return err
	}
	var err error
	if slept {
		err = r.m.Sleep(r.back.cpu, state, r.back.init)
	} else {
		err = r.m.Switch(r.back.cpu, r.back.init, false)
	}
	if err != nil {
		return err
	}
	if !slept {
		if err := r.m.Place(t, cpu); err != nil {
			return err
		}
	}
	return r.leaveBackstage()
}

// uncounted runs do and takes back what it added to the figures, except for address spaces that it
// freed: those are gone whoever did it.
func (r *run) uncounted(do func() error) error {
	before := r.m.Stats
	err := do()
	freed := r.m.Stats.MMsFreed
	r.m.Stats = before
	r.m.Stats.MMsFreed = freed
	return err
}
