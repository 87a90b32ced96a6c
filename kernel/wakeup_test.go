package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/machine"
)

// until takes cpu on to the step with that label, which is left to run.
func (r *rig) until(cpu machine.CPUID, label string) {
	r.t.Helper()
	for range 1000 {
		in := r.Next(cpu)
		if in != nil && in.Label == label {
			return
		}
		if r.Outcomes(cpu) == 0 {
			break
		}
		r.Step(cpu, 0)
	}
	r.t.Fatalf("cpu %d never comes to %s", cpu, label)
}

// waits takes cpu on until it must wait, and says at which step.
func (r *rig) waits(cpu machine.CPUID) string {
	r.Run(cpu)
	if in := r.Next(cpu); in != nil {
		return in.Label
	}
	return ""
}

func (r *rig) push(cpu machine.CPUID, path string, f machine.Frame) {
	r.Push(cpu, r.Prog.Entry(path), f)
}

// asleep begins a's last switch on CPU 0, which a leaves for the idle task.
func asleep(t *testing.T, rel machine.Release) (*rig, machine.TaskID) {
	r := newRig(t, machine.Config{Release: rel, CPUs: 2}, classic.Port{})
	a, _ := r.process(0)
	r.sw(0, a)
	r.S.Tasks[a].State = machine.TaskInterruptible
	r.S.CPUs[0].Pick = 0
	r.push(0, "schedule", machine.Frame{})
	return r, a
}

func since(first machine.Release) (all []machine.Release) {
	for _, rel := range machine.Releases() {
		if rel >= first {
			all = append(all, rel)
		}
	}
	return all
}

// Up to 5.7 a waker waits for on_cpu first and claims the task afterwards.
func TestTaskIsClaimedBeforeTheWaitSince58(t *testing.T) {
	for _, rel := range since(machine.V4_4) {
		r, a := asleep(t, rel)
		r.until(0, "switch_to")
		r.push(1, "try_to_wake_up", machine.Frame{Next: a, CPU: 1})
		at, want := r.waits(1), machine.TaskInterruptible
		if rel >= machine.V6_1 {
			want = machine.TaskWaking
			if at != "" || r.S.Tasks[a].WakeCPU != 0 {
				t.Errorf("%s: the waker stands at %q, want it gone and the task left to CPU 0", rel, at)
			}
		} else if at == "" {
			t.Errorf("%s: the waker did not wait", rel)
		}
		if got := r.S.Tasks[a].State; got != want {
			t.Errorf("%s: the task is %s during the switch, want %s", rel, got, want)
		}
		for _, cpu := range []machine.CPUID{0, 1} {
			if err := r.Settle(cpu); err != nil {
				t.Error(rel, err)
			}
		}
		if s := r.S.Tasks[a]; s.State != machine.TaskRunning || s.OnRQ != machine.OnRQQueued {
			t.Errorf("%s: the task was not woken: %+v", rel, s)
		}
		r.ok()
	}
}

// A sleeper that leaves the queue while the waker waits for its lock still goes where it was to go.
func TestWakeTargetOutlivesTheLock(t *testing.T) {
	for _, rel := range since(machine.V4_4) {
		r, a := asleep(t, rel)
		block := "deactivate_task"
		if rel >= machine.V6_12 {
			block = "block_task"
		}
		r.until(0, block)
		r.push(1, "try_to_wake_up", machine.Frame{Next: a, CPU: 1})
		if at := r.waits(1); at != "__task_rq_lock" {
			t.Fatalf("%s: the waker stands at %q", rel, at)
		}
		r.Run(0)
		r.Run(1)
		if got := r.S.Tasks[a].CPU; got != 1 {
			t.Errorf("%s: woken on CPU %d, want 1", rel, got)
		}
		r.ok()
	}
}

// Who moves a task looks again under the lock: it may run by now.
func TestRunningTaskIsNotMoved(t *testing.T) {
	for _, rel := range machine.Releases() {
		r := newRig(t, machine.Config{Release: rel, CPUs: 2}, classic.Port{})
		a, _ := r.process(0)
		r.S.CPUs[0].Pick = a
		r.push(0, "schedule", machine.Frame{N: 1})
		r.until(0, "switch_to")
		r.push(1, "move_queued_task", machine.Frame{Next: a, CPU: 1})
		if r.waits(1) == "" {
			t.Fatalf("%s: the lock of CPU 0 was free during a switch", rel)
		}
		r.Run(0)
		r.Run(1)
		if s := r.S.Tasks[a]; s.CPU != 0 || s.OnRQ != machine.OnRQQueued || r.S.CPUs[0].Curr != a {
			t.Errorf("%s: %+v", rel, s)
		}
		r.sw(0, 0)
		r.enter(1, "move_queued_task", machine.Frame{Next: a, CPU: 1})
		r.sw(1, a)
	}
}

// The wake list is taken from with interrupts on, and so behind the switch away from all that is on it.
func TestWakeListAfterTheSwitch(t *testing.T) {
	for _, rel := range since(machine.V6_1) {
		r, a := asleep(t, rel)
		r.until(0, "prev->active_mm") // off the queue, and still on the CPU
		r.push(1, "try_to_wake_up", machine.Frame{Next: a, CPU: 1})
		r.Run(1)
		if r.S.Tasks[a].WakeCPU != 0 {
			t.Fatalf("%s: not on CPU 0's wake list", rel)
		}
		if r.Interrupt(0) {
			t.Errorf("%s: CPU 0 takes an interrupt in the middle of a switch", rel)
		}
		r.until(0, "finish_lock_switch")
		r.S.Tasks[a].OnCPU = true // as if finish_task had been forgotten
		r.Run(0)
		r.Interrupt(0)
		r.Run(0)
		if len(r.Violations) != 1 || r.Violations[0].Rule != "I1" {
			t.Errorf("%s: %v", rel, r.Violations)
		}
	}
}
