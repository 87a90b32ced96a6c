package check

import (
	"testing"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// falseTouch is a step that claims less than it touches.
type falseTouch struct {
	path, label string
	says, claim step.Touch // what the tables say, and what is said here
	machine     machine.Config
	env         tasks
	variation   string // of the paths: takes away what makes the claim harmless
}

var (
	wokenTasks  = tasks{preempt: true, sleep: true, stepped: true, changes: 1}
	calling     = tasks{preempt: true, sleep: true, barriers: []int32{kernel.MembarrierPrivate}, changes: 1}
	callingAll  = tasks{sleep: true, exec: true, global: true, changes: 1}
	classicNow  = machine.Config{Release: machine.Newest, Arch: machine.Classic, CPUs: 2, Tasks: 4, MMs: 3}
	shootdown   = machine.Config{Release: machine.Newest, Arch: machine.Classic, Lazy: machine.LazyShootdown, CPUs: 2, Tasks: 4, MMs: 3}
	vectorsNow  = machine.Config{Release: machine.Newest, Arch: machine.ARM64, ASIDBits: 2, FPSIMD: true, CPUs: 2, Tasks: 4, MMs: 3}
	bufferedNow = machine.Config{Release: machine.Newest, Arch: machine.Classic, Memory: machine.TSO, CPUs: 2, Tasks: 5, MMs: 3}
	threeCPUs   = machine.Config{Release: machine.Newest, Arch: machine.Classic, Memory: machine.TSO, CPUs: 3, Tasks: 6, MMs: 3}
	weakNow     = machine.Config{Release: machine.Newest, Arch: machine.ARM64, ASIDBits: 2, Memory: machine.WeakStores, CPUs: 2, Tasks: 5, MMs: 3}
)

// falseTouches has each word once at least, and steps that declare nothing because they cannot.
var falseTouches = []falseTouch{
	// What the step touches besides.
	{"finish_task_switch", "prev_state = prev->state", step.Held | step.SeenByWakers, step.Held, classicNow, wokenTasks, ""},
	{"finish_task_switch", "finish_task", step.Held | step.SeenByWakers | step.StoreBuffer, step.Held | step.StoreBuffer, classicNow, wokenTasks, ""},
	{"context_switch", "membarrier_switch_mm", step.Held | step.SeenByMembarrier, step.Held, bufferedNow, callingAll, ""},
	{"__switch_to", "dsb(ish)", step.Held | step.StoreBuffer, step.Held, weakNow, calling, ""},
	{"exec_mmap", "membarrier_exec_mmap", step.OwnCPU | step.StoreBuffer, step.OwnCPU, bufferedNow, callingAll, ""},
	{"prepare_task_switch", "prepare_task", step.Held | step.LeftBuffers, step.Held, threeCPUs, tasks{sleep: true, barriers: []int32{kernel.MembarrierPrivate}, changes: 1}, ""},
	{"__schedule", "rq_lock", step.Held | step.RunQueueLock, step.Held, classicNow, wokenTasks, ""},
	// A reach that is too short: handlers and other tasks of the CPU.
	{"exec_mmap", "active_mm = tsk->active_mm", step.Held, step.OwnCPU, shootdown, tasks{exec: true, exit: true, changes: 1}, "exec-with-interrupts-on"},
	{"fpsimd_restore_current_state", "task_fpsimd_load", step.OwnCPU, step.OwnTask, vectorsNow, tasks{preempt: true, thread: true, exec: true}, "fpsimd-restore-preempted"},
	// Steps that touch what is everybody's.
	{"try_to_wake_up", "TASK_WAKING", step.Anything, step.Held, classicNow, wokenTasks, ""},
	{"try_to_wake_up", "__task_rq_lock", step.Anything, step.OwnCPU, classicNow, wokenTasks, ""},
	{"try_to_wake_up", "p->on_rq", step.Anything, step.OwnTask, classicNow, wokenTasks, ""},
}

// build makes the world of a false declaration; how says what the step declares there.
func (f *falseTouch) build(t *testing.T, how step.Touch) *world {
	t.Helper()
	var paths []*step.Path
	if f.variation != "" {
		v, err := kernel.FindVariation(f.variation, &f.machine, arch.Port(f.machine.Arch))
		if err != nil {
			t.Fatal(err)
		}
		if paths, err = v.Paths(&f.machine, arch.Port(f.machine.Arch)); err != nil {
			t.Fatal(err)
		}
	}
	begin := processAndThread
	if f.machine.Lazy == machine.LazyShootdown {
		begin = borrowerApart
	}
	if f.machine.Memory != machine.Sequential {
		begin = func(m *kernel.Machine) error { return beginRegistered(m, Size{CPUs: 2, Tasks: 3}) }
	}
	if f.machine.CPUs == 3 {
		begin = wokenElsewhere
	}
	env := f.env
	w, err := build(f.machine, paths, nil, &env, begin)
	if err != nil {
		t.Fatal(err)
	}
	found := false
	declared := w.quiet
	w.quiet = make([]step.Touch, w.prog.Len())
	for pc := range w.quiet {
		if at := w.prog.At(uint32(pc)); at.Path != nil && at.Path.Name == f.path && at.Label == f.label {
			if found = true; at.Touches != f.says {
				t.Fatalf("%s/%s declares %#x, the test has it as %#x", f.path, f.label, at.Touches, f.says)
			}
			w.quiet[pc] = how
			if how == f.says && f.variation == "" {
				w.quiet[pc] = declared[pc] // as the world reads it
			}
		}
	}
	if !found {
		t.Fatalf("no step %s/%s", f.path, f.label)
	}
	return w
}

// borrowerApart begins with a kernel thread that borrows on CPU 0 from a process that runs on CPU 1.
func borrowerApart(m *kernel.Machine) error {
	if err := processAndThread(m); err != nil {
		return err
	}
	process, borrower := m.S.CPUs[0].Curr, machine.TaskID(0)
	for i := range m.S.Tasks {
		if m.S.Tasks[i].Kind == machine.KernelTask {
			borrower = machine.TaskID(i)
		}
	}
	if err := m.Switch(0, borrower, false); err != nil {
		return err
	}
	if err := m.Enter(1, "move_queued_task", machine.Frame{Next: process, CPU: 1}); err != nil {
		return err
	}
	return m.Switch(1, process, false)
}

// wokenElsewhere begins with a thread that has left CPU 0, where nothing has emptied the store buffer since, and waits
// for its turn on CPU 1; another thread runs on CPU 2, and may call membarrier.
func wokenElsewhere(m *kernel.Machine) error {
	if err := beginRegistered(m, Size{CPUs: 3, Tasks: 3}); err != nil {
		return err
	}
	left := m.S.CPUs[0].Curr
	for cpu := machine.CPUID(1); cpu < 3; cpu++ {
		if err := m.Switch(cpu, left+machine.TaskID(cpu), false); err != nil {
			return err
		}
	}
	if err := m.Sleep(0, machine.TaskInterruptible, m.S.CPUs[0].Idle); err != nil {
		return err
	}
	return m.Place(left, 1)
}

// A step that claims less than it touches is found by the test that finds quiet steps quiet, and what the tables
// say passes it in the same world.
func TestFalseDeclarationsAreFound(t *testing.T) {
	slowUnderRace(t)
	for _, f := range falseTouches {
		if all, states, pairs := unquiet(f.build(t, f.says), map[string]bool{}); len(all) > 0 {
			t.Errorf("%s/%s as it is declared (%#x): %s (%d states, %d pairs)", f.path, f.label, f.says, all[0], states, pairs)
		}
		all, states, pairs := unquiet(f.build(t, f.claim), map[string]bool{})
		if len(all) == 0 {
			t.Errorf("%s/%s passes for %#x, where it is declared as %#x (%d states, %d pairs)", f.path, f.label, f.claim, f.says, states, pairs)
			continue
		}
		t.Logf("%s/%s as %#x: %s", f.path, f.label, f.claim, all[0])
	}
}
