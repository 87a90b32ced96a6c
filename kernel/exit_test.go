package kernel_test

import (
	"testing"

	"switchyard/arch/classic"
	"switchyard/kernel"
	"switchyard/machine"
)

// A waker that saw the task before it made up its mind must not turn TASK_DEAD into TASK_RUNNING.
func TestDyingTaskWaitsForItsWaker(t *testing.T) {
	for _, rel := range since(machine.V4_4) {
		r := newRig(t, machine.Config{Release: rel, CPUs: 2}, classic.Port{})
		a, _ := r.process(0)
		r.sw(0, a)
		r.S.Tasks[a].State = machine.TaskInterruptible
		r.push(1, "try_to_wake_up", machine.Frame{Next: a, CPU: 1})
		r.until(1, "ttwu_do_wakeup")
		r.S.Tasks[a].State = machine.TaskRunning // it need not sleep after all
		r.S.CPUs[0].Pick = 0
		r.push(0, "do_exit", machine.Frame{})
		if at := r.waits(0); at != "set_special_state(TASK_DEAD)" && at != "raw_spin_unlock_wait(&tsk->pi_lock)" {
			t.Errorf("%s: the dying task stands at %q", rel, at)
		}
		r.Run(1)
		r.Run(0)
		if r.S.Tasks[a].State != machine.TaskDead || r.S.CPUs[0].Curr != 0 {
			t.Errorf("%s: %+v", rel, r.S.Tasks[a])
		}
		r.ok()
	}
}

// mm_release runs with or without an address space: a helper that never came to exec tells its parent too.
func TestVforkChildOfKernelTaskExits(t *testing.T) {
	for _, rel := range machine.Releases() {
		r := newRig(t, machine.Config{Release: rel, CPUs: 1}, classic.Port{})
		k := r.kthread(0)
		r.sw(0, k)
		child, err := r.Fork(0, 0, kernel.CloneVfork)
		if err != nil {
			t.Fatal(err)
		}
		if r.S.CPUs[0].Curr != child || r.S.Tasks[child].MM != machine.NoMM {
			t.Fatalf("%s: the child does not run", rel)
		}
		if err := r.Exit(0, k); err != nil {
			t.Fatal(err)
		}
		if r.S.CPUs[0].Curr != k || r.S.Tasks[k].Depth > 1 {
			t.Errorf("%s: the parent waits for a dead child", rel)
		}
		r.ok()
	}
}
