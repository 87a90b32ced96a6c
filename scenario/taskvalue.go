package scenario

import (
	"fmt"

	"go.starlark.net/starlark"

	"switchyard/invariant"
	"switchyard/kernel"
	"switchyard/machine"
)

// task is a task as a scenario sees it. Its slot may hold another one by now, hence the serial.
type task struct {
	y      *yard
	id     machine.TaskID
	serial uint32
	name   string
}

func (t *task) String() string        { return t.name }
func (t *task) Type() string          { return "task" }
func (t *task) Freeze()               {}
func (t *task) Truth() starlark.Bool  { return true }
func (t *task) Hash() (uint32, error) { return t.serial, nil }
func (t *task) Attr(name string) (starlark.Value, error) {
	return taskAttrs.attr(t, t.name, name)
}
func (t *task) AttrNames() []string { return taskAttrs.names() }

func (t *task) here() *machine.Task { return &t.y.m.S.Tasks[t.id] }

// exists tells whether the task_struct is still there.
func (t *task) exists() bool {
	s := t.here()
	return s.Serial == t.serial && s.Kind != machine.FreeTask
}

func (t *task) living() (*machine.Task, error) {
	if !t.exists() || t.here().State == machine.TaskDead {
		return nil, fmt.Errorf("%s has exited: this needs a task that lives", t.name)
	}
	return t.here(), nil
}

// working is living, and not an idle task.
func (t *task) working() (*machine.Task, error) {
	s, err := t.living()
	if err == nil && s.Kind == machine.IdleTask {
		return nil, fmt.Errorf("%s is an idle task: it can do nothing but wait", t.name)
	}
	return s, err
}

// placeOn makes the task runnable on cpu.
func (t *task) placeOn(cpu machine.CPUID) error {
	s, err := t.living()
	if err != nil {
		return err
	}
	y := t.y
	switch {
	case s.Kind == machine.IdleTask && s.CPU != cpu:
		return fmt.Errorf("%s is the idle task of cpu %d and cannot run on cpu %d", t.name, s.CPU, cpu)
	case s.CPU != cpu && y.m.S.CPUs[s.CPU].Curr == t.id:
		return fmt.Errorf("%s runs on cpu %d: something else has to run there before it can come to cpu %d", t.name, s.CPU, cpu)
	case s.Kind == machine.IdleTask:
		return nil
	}
	return y.m.Place(t.id, cpu)
}

// makeCurrent switches to the task on its CPU unless it runs, and returns that CPU.
func (t *task) makeCurrent() (machine.CPUID, error) {
	s, err := t.working()
	if err != nil {
		return machine.NoCPU, err
	}
	if err := t.y.free(s.CPU); err != nil {
		return machine.NoCPU, err
	}
	if t.y.m.S.CPUs[s.CPU].Curr == t.id {
		return s.CPU, nil
	}
	if s.OnRQ == 0 {
		return machine.NoCPU, fmt.Errorf("%s sleeps: %s.wake() first", t.name, t.name)
	}
	return s.CPU, t.y.m.Switch(s.CPU, t.id, false)
}

var taskAttrs attrs[*task]

func taskStr(f func(*machine.Task) string) func(*task) starlark.Value {
	return func(t *task) starlark.Value { return starlark.String(f(t.here())) }
}

func taskBool(f func(*machine.Task) bool) func(*task) starlark.Value {
	return func(t *task) starlark.Value { return starlark.Bool(t.exists() && f(t.here())) }
}

var kindNames = [...]string{"free", "user", "kernel", "idle"}

func init() {
	taskAttrs = attrs[*task]{
		fields: map[string]func(*task) starlark.Value{
			"name": func(t *task) starlark.Value { return starlark.String(t.name) },
			"mm": func(t *task) starlark.Value {
				if !t.exists() {
					return starlark.None
				}
				return t.y.mm(t.here().MM)
			},
			"active_mm": func(t *task) starlark.Value {
				if !t.exists() {
					return starlark.None
				}
				return t.y.mm(t.here().ActiveMM)
			},
			"saved_ttbr0": func(t *task) starlark.Value {
				if !t.exists() {
					return starlark.None
				}
				return t.y.mm(t.here().SavedMM)
			},
			"state": func(t *task) starlark.Value {
				if !t.exists() {
					return starlark.String(machine.TaskDead.String())
				}
				return starlark.String(t.here().State.String())
			},
			"cpu":         func(t *task) starlark.Value { return starlark.MakeInt(int(t.here().CPU)) },
			"kind":        taskStr(func(s *machine.Task) string { return kindNames[s.Kind] }),
			"running":     func(t *task) starlark.Value { return starlark.Bool(t.exists() && t.isCurrent()) },
			"on_cpu":      taskBool(func(s *machine.Task) bool { return s.OnCPU }),
			"queued":      taskBool(func(s *machine.Task) bool { return s.OnRQ != 0 }),
			"zombie":      taskBool(func(s *machine.Task) bool { return s.Zombie }),
			"using_mm":    taskBool(func(s *machine.Task) bool { return s.UsingMM }),
			"stack_freed": func(t *task) starlark.Value { return starlark.Bool(!t.exists() || t.here().StackFreed) },
			"freed":       func(t *task) starlark.Value { return starlark.Bool(!t.exists()) },
		},
		methods: map[string]func(*task, *starlark.Thread, call) (starlark.Value, error){
			"thread":              cloneTask(kernel.CloneVM),
			"fork":                cloneTask(0),
			"vfork":               cloneTask(kernel.CloneVM | kernel.CloneVfork),
			"exec":                exec,
			"exit":                exit,
			"reap":                reap,
			"sleep":               sleep,
			"wake":                wake,
			"migrate":             migrate,
			"munmap":              munmap,
			"use_mm":              useMM,
			"unuse_mm":            unuseMM,
			"membarrier":          membarrier("membarrier_private_expedited"),
			"register_membarrier": membarrier("membarrier_register_private_expedited"),
		},
	}
}

func (t *task) isCurrent() bool {
	cpu := t.here().CPU
	return cpu >= 0 && t.y.m.S.CPUs[cpu].Curr == t.id
}

// does runs an operation of the task itself: it is made to run first.
func (t *task) does(th *starlark.Thread, a call, hold bool, do func(cpu machine.CPUID) error) error {
	return t.y.operate(th, a.text(), func() error {
		cpu, err := t.makeCurrent()
		if err != nil {
			return err
		}
		t.y.m.Held = hold
		return do(cpu)
	})
}

func cloneTask(flags int32) func(*task, *starlark.Thread, call) (starlark.Value, error) {
	return func(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
		name := ""
		var cpuV starlark.Value
		if err := a.unpack("name", &name, "cpu?", &cpuV); err != nil {
			return nil, err
		}
		y := t.y
		if err := y.newName(name); err != nil {
			return nil, err
		}
		if s, err := t.working(); err != nil {
			return nil, err
		} else if s.MM == machine.NoMM && flags&kernel.CloneVM != 0 {
			return nil, fmt.Errorf("%s has no address space to share", t.name)
		} else if s.UsingMM {
			return nil, fmt.Errorf("%s only uses the address space of somebody else: %s.unuse_mm() first", t.name, t.name)
		}
		var made *task
		err := t.does(th, a, false, func(cpu machine.CPUID) error {
			target, err := y.cpuArg(cpuV, cpu)
			if err != nil {
				return err
			}
			if err := y.free(target); err != nil {
				return err
			}
			y.room()
			id, err := y.m.Fork(cpu, target, flags)
			if err != nil {
				return err
			}
			made = y.name(id, name)
			if flags&kernel.CloneVM == 0 {
				y.nameMM(y.m.S.Tasks[id].MM, name)
			}
			return nil
		})
		return orNone(made), err
	}
}

func exec(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	hold := false
	if err := a.unpack("hold?", &hold); err != nil {
		return nil, err
	}
	y := t.y
	if s, err := t.working(); err != nil {
		return nil, err
	} else if s.UsingMM {
		return nil, fmt.Errorf("%s uses the address space of somebody else: %s.unuse_mm() first", t.name, t.name)
	}
	return starlark.None, t.does(th, a, hold, func(cpu machine.CPUID) error {
		y.room()
		before := y.keep()
		if !hold {
			y.across = func(report invariant.Report) { invariant.CheckExec(before, y.m.S, cpu, report) }
		}
		mm, err := y.m.Execve(cpu)
		if err == nil {
			y.execs[t.serial]++
			y.nameMM(mm, fmt.Sprintf("%s/%d", t.name, y.execs[t.serial]))
		}
		return err
	})
}

func exit(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var next *task
	hold := false
	if err := a.unpack("next??", &next, "hold?", &hold); err != nil {
		return nil, err
	}
	if s, err := t.working(); err != nil {
		return nil, err
	} else if s.UsingMM {
		return nil, fmt.Errorf("%s uses the address space of somebody else: %s.unuse_mm() before it exits", t.name, t.name)
	}
	return starlark.None, t.givesUp(th, a, next, func(cpu machine.CPUID, next machine.TaskID) error {
		t.y.m.Held = hold
		return t.y.m.Exit(cpu, next)
	})
}

// givesUp runs an operation after which another task runs on the CPU: next, or the idle task.
func (t *task) givesUp(th *starlark.Thread, a call, next *task, do func(machine.CPUID, machine.TaskID) error) error {
	return t.does(th, a, false, func(cpu machine.CPUID) error {
		id := t.y.m.S.CPUs[cpu].Idle
		if next != nil {
			if next == t || next.y != t.y {
				return fmt.Errorf("next = %s: want another task of the same machine", next.name)
			}
			if err := next.placeOn(cpu); err != nil {
				return err
			}
			id = next.id
		}
		return do(cpu, id)
	})
}

func reap(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var cpuV starlark.Value
	if err := a.unpack("cpu?", &cpuV); err != nil {
		return nil, err
	}
	y := t.y
	cpu, err := y.cpuArg(cpuV, y.anyCPU())
	if err != nil {
		return nil, err
	}
	if !t.exists() || !t.here().Zombie {
		return nil, fmt.Errorf("%s is no zombie: only a task that has exited and was not waited for can be reaped", t.name)
	}
	return starlark.None, y.operate(th, a.text(), func() error {
		if err := y.free(cpu); err != nil {
			return err
		}
		return y.m.Reap(cpu, t.id)
	})
}

func sleep(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	state := "interruptible"
	var next *task
	hold := false
	if err := a.unpack("state?", &state, "next??", &next, "hold?", &hold); err != nil {
		return nil, err
	}
	as := machine.TaskInterruptible
	switch state {
	case as.String():
	case machine.TaskUninterruptible.String():
		as = machine.TaskUninterruptible
	default:
		return nil, fmt.Errorf("state = %q: want interruptible or uninterruptible", state)
	}
	return starlark.None, t.givesUp(th, a, next, func(cpu machine.CPUID, next machine.TaskID) error {
		t.y.m.Held = hold
		return t.y.m.Sleep(cpu, as, next)
	})
}

func wake(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var cpuV, byV starlark.Value
	hold := false
	if err := a.unpack("cpu?", &cpuV, "by?", &byV, "hold?", &hold); err != nil {
		return nil, err
	}
	y := t.y
	s, err := t.working()
	if err != nil {
		return nil, err
	}
	cpu, err := y.cpuArg(cpuV, s.CPU)
	if err != nil {
		return nil, err
	}
	by, err := y.cpuArg(byV, cpu)
	if err != nil {
		return nil, err
	}
	return starlark.None, y.operate(th, a.text(), func() error {
		if err := y.free(by); err != nil {
			return err
		}
		if !y.m.S.CPUs[cpu].Online {
			return fmt.Errorf("cpu %d is offline", cpu)
		}
		y.m.Held = hold
		return y.m.Wake(by, t.id, cpu)
	})
}

func migrate(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var cpuV starlark.Value
	if err := a.unpack("cpu", &cpuV); err != nil {
		return nil, err
	}
	y := t.y
	cpu, err := y.cpuArg(cpuV, 0)
	if err != nil {
		return nil, err
	}
	s, err := t.working()
	if err != nil {
		return nil, err
	}
	if s.OnRQ == 0 {
		return nil, fmt.Errorf("%s sleeps: it goes to another CPU when it wakes, with %s.wake(cpu = %d)", t.name, t.name, cpu)
	}
	return starlark.None, y.operate(th, a.text(), func() error {
		for _, c := range []machine.CPUID{cpu, s.CPU} {
			if err := y.free(c); err != nil {
				return err
			}
		}
		return t.placeOn(cpu)
	})
}

func munmap(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var pagesV starlark.Value
	tables, hold := false, false
	if err := a.unpack("pages?", &pagesV, "freed_tables?", &tables, "hold?", &hold); err != nil {
		return nil, err
	}
	pages, err := number("pages", pagesV, 1, 1, 1<<30)
	if err != nil {
		return nil, err
	}
	if s, err := t.working(); err != nil {
		return nil, err
	} else if s.MM == machine.NoMM {
		return nil, fmt.Errorf("%s has no address space to unmap from", t.name)
	}
	return starlark.None, t.does(th, a, hold, func(cpu machine.CPUID) error {
		return t.y.m.Munmap(cpu, int32(pages), tables)
	})
}

func useMM(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var mm mmValue
	hold := false
	if err := a.unpack("mm", &mm, "hold?", &hold); err != nil {
		return nil, err
	}
	s, err := t.working()
	switch {
	case err != nil:
		return nil, err
	case s.Kind != machine.KernelTask:
		return nil, fmt.Errorf("%s is no kernel thread: only one of those uses an address space of somebody else", t.name)
	case s.MM != machine.NoMM:
		return nil, fmt.Errorf("%s uses %s already: %s.unuse_mm() first", t.name, t.y.MMName(s.MM), t.name)
	case mm.y != t.y:
		return nil, fmt.Errorf("%s is an address space of another machine", mm)
	case mm.here().Users < 1 || mm.id == machine.InitMM:
		return nil, fmt.Errorf("%s has no user left: whoever calls kthread_use_mm holds one", mm)
	}
	return starlark.None, t.does(th, a, hold, func(cpu machine.CPUID) error {
		return t.y.m.OnMM(cpu, "kthread_use_mm", mm.id)
	})
}

func unuseMM(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
	var mm mmValue
	hold := false
	if err := a.unpack("mm?", &mm, "hold?", &hold); err != nil {
		return nil, err
	}
	s, err := t.working()
	switch {
	case err != nil:
		return nil, err
	case !s.UsingMM:
		return nil, fmt.Errorf("%s uses no address space of somebody else: use_mm comes first", t.name)
	case mm.y != nil && (mm.id != s.MM || mm.y != t.y):
		return nil, fmt.Errorf("%s uses %s, not %s", t.name, t.y.MMName(s.MM), mm)
	}
	return starlark.None, t.does(th, a, hold, func(cpu machine.CPUID) error {
		return t.y.m.Enter(cpu, "kthread_unuse_mm", machine.Frame{})
	})
}

func membarrier(path string) func(*task, *starlark.Thread, call) (starlark.Value, error) {
	return func(t *task, th *starlark.Thread, a call) (starlark.Value, error) {
		syncCore, hold := false, false
		if err := a.unpack("sync_core?", &syncCore, "hold?", &hold); err != nil {
			return nil, err
		}
		y := t.y
		if !y.m.Prog.Has(path) {
			return nil, fmt.Errorf("release %s has no private expedited membarrier: it came with 4.14, and 5.0 is the first release here that has it", y.m.S.Config.Release)
		}
		s, err := t.working()
		if err != nil {
			return nil, err
		}
		if s.MM == machine.NoMM || s.UsingMM {
			return nil, fmt.Errorf("%s has no address space of its own: membarrier is for user tasks", t.name)
		}
		bit := int32(kernel.MembarrierPrivate)
		if syncCore {
			bit = kernel.MembarrierSyncCore
		}
		allowed := y.m.S.MMs[s.MM].MembarrierReady&uint32(bit) != 0
		err = t.does(th, a, hold, func(cpu machine.CPUID) error {
			return y.m.Enter(cpu, path, machine.Frame{N: bit})
		})
		return starlark.Bool(allowed), err
	}
}
