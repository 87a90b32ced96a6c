package trace

import (
	"bytes"
	"math"
	"strconv"
)

// ftraceEvents are the tracepoints that become events, as the kernel prints them.
var ftraceEvents = map[string]func(*values, *Event) bool{
	"sched_switch":       printedSwitch,
	"sched_waking":       printedWakeup(Waking),
	"sched_wakeup":       printedWakeup(Wakeup),
	"sched_wakeup_new":   printedWakeup(WakeupNew),
	"sched_process_fork": printedFork,
	"sched_process_exec": printedExec,
	"sched_process_exit": printedTask(Exit),
	"sched_process_free": printedTask(ProcessFree),
	"sched_migrate_task": printedMigrate,
	"task_newtask":       printedNewTask,
	"task_rename":        printedRename,
}

// values takes "key=value" apart from the end. A comm can hold spaces and equal signs, but what
// stands behind it cannot, so the last place where a key is found is the right one.
type values struct{ rest []byte }

// take gives what stands between the last key and what was taken before.
func (v *values) take(key string) ([]byte, bool) {
	for end := len(v.rest); ; {
		i := bytes.LastIndexByte(v.rest[:end], '=')
		if i < 0 {
			return nil, false
		}
		start := i - len(key)
		if start >= 0 && string(v.rest[start:i]) == key && (start == 0 || v.rest[start-1] == ' ') {
			value := v.rest[i+1:]
			v.rest = v.rest[:max(start-1, 0)]
			return value, true
		}
		end = i
	}
}

// word takes a value up to its first space: other values, which nobody asks for, may follow.
func (v *values) word(key string) []byte {
	value, _ := v.take(key)
	if i := bytes.IndexByte(value, ' '); i >= 0 {
		value = value[:i]
	}
	return value
}

func (v *values) int32(key string, into *int32) bool {
	word := v.word(key)
	n, used := digits(word)
	*into = int32(n)
	return used > 0 && used == len(word) && n <= math.MaxInt32
}

func (v *values) comm(key string, into *CommName) bool {
	value, ok := v.take(key)
	*into = commName(value)
	return ok
}

// task takes pid and, before it, comm.
func (v *values) task(pid, comm string, t *Task) bool {
	return v.int32(pid, &t.PID) && v.comm(comm, &t.Comm)
}

func printedSwitch(v *values, e *Event) bool {
	e.Kind = Switch
	if !v.task("next_pid", "next_comm", &e.Next) {
		return false
	}
	state := v.word("prev_state")
	if len(state) == 0 {
		return false
	}
	e.State = State{Letter: state[0], Preempted: state[len(state)-1] == '+'}
	ok := v.task("prev_pid", "prev_comm", &e.Prev)
	if e.Current.PID == e.Prev.PID {
		e.Prev.TGID = e.Current.TGID
	}
	return ok
}

func printedWakeup(kind Kind) func(*values, *Event) bool {
	return func(v *values, e *Event) bool {
		e.Kind = kind
		return v.int32("target_cpu", &e.Target) && v.task("pid", "comm", &e.Task)
	}
}

func printedFork(v *values, e *Event) bool {
	e.Kind = Fork
	ok := v.task("child_pid", "child_comm", &e.Task) && v.task("pid", "comm", &e.Parent)
	if e.Current.PID == e.Parent.PID {
		e.Parent.TGID = e.Current.TGID
	}
	return ok
}

func printedExec(v *values, e *Event) bool {
	e.Kind = Exec
	ok := v.int32("old_pid", &e.Old) && v.int32("pid", &e.Task.PID)
	if e.Current.PID == e.Task.PID {
		e.Task.TGID, e.Task.Comm = e.Current.TGID, e.Current.Comm
	}
	return ok
}

func printedTask(kind Kind) func(*values, *Event) bool {
	return func(v *values, e *Event) bool {
		e.Kind = kind
		ok := v.task("pid", "comm", &e.Task)
		if e.Current.PID == e.Task.PID {
			e.Task.TGID = e.Current.TGID
		}
		return ok
	}
}

func printedMigrate(v *values, e *Event) bool {
	e.Kind = Migrate
	return v.int32("dest_cpu", &e.Target) && v.int32("orig_cpu", &e.From) && v.task("pid", "comm", &e.Task)
}

func printedNewTask(v *values, e *Event) bool {
	e.Kind = Fork
	e.Parent = e.Current
	flags, err := strconv.ParseUint(string(v.word("clone_flags")), 16, 64)
	e.CloneFlags, e.HasCloneFlags = flags, err == nil
	return err == nil && v.comm("comm", &e.Task.Comm) && v.int32("pid", &e.Task.PID)
}

func printedRename(v *values, e *Event) bool {
	e.Kind = Comm
	v.word("oom_score_adj")
	ok := v.comm("newcomm", &e.Task.Comm)
	e.Task.PID, e.Task.TGID = e.Current.PID, e.Current.TGID
	v.word("oldcomm")
	// Since 6.16 there is no pid: a task renames itself.
	var pid int32
	if v.int32("pid", &pid) && pid != e.Task.PID {
		e.Task.PID, e.Task.TGID = pid, Unknown
	}
	return ok
}
