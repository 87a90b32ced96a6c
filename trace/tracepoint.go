package trace

import (
	"fmt"

	"switchyard/trace/internal/tracepoint"
)

// decoder turns the record of one tracepoint into an event. It says false if the record is too short.
type decoder func(raw []byte, e *Event) bool

// specs are the tracepoints that become events, by system and name.
var specs = map[string]func(*tracepoint.Format) (decoder, error){
	"sched:sched_switch":       decodeSwitch,
	"sched:sched_waking":       decodeWakeup(Waking),
	"sched:sched_wakeup":       decodeWakeup(Wakeup),
	"sched:sched_wakeup_new":   decodeWakeup(WakeupNew),
	"sched:sched_process_fork": decodeFork,
	"sched:sched_process_exec": decodeExec,
	"sched:sched_process_exit": decodeTask(Exit),
	"sched:sched_process_free": decodeTask(ProcessFree),
	"sched:sched_migrate_task": decodeMigrate,
	"task:task_newtask":        decodeNewTask,
	"task:task_rename":         decodeRename,
}

// newDecoder is nil for a tracepoint that is none of our events.
func newDecoder(f *tracepoint.Format) (decoder, error) {
	spec := specs[f.System+":"+f.Name]
	if spec == nil {
		return nil, nil
	}
	return spec(f)
}

// fields looks up the fields of a format and remembers which it did not find.
type fields struct {
	format  *tracepoint.Format
	missing error
}

func (l *fields) get(names ...string) tracepoint.Field {
	field, ok := l.format.Field(names...)
	if !ok && l.missing == nil {
		l.missing = fmt.Errorf("the recording's format of %s:%s has no field %s", l.format.System, l.format.Name, names[0])
	}
	return field
}

func decodeSwitch(f *tracepoint.Format) (decoder, error) {
	l := fields{format: f}
	prevComm, prevPID, prevState := l.get("prev_comm"), l.get("prev_pid"), l.get("prev_state")
	nextComm, nextPID := l.get("next_comm"), l.get("next_pid")
	states, _ := tracepoint.ParseStates(f.Print)
	return func(raw []byte, e *Event) bool {
		e.Kind = Switch
		ok := readTask(raw, &prevPID, &prevComm, &e.Prev) && readTask(raw, &nextPID, &nextComm, &e.Next)
		state, found := prevState.Int(raw)
		e.State = State{Raw: uint64(state), HasRaw: true}
		e.State.Letter, e.State.Preempted = states.Decode(uint64(state))
		if e.Current.PID == e.Prev.PID {
			e.Prev.TGID = e.Current.TGID
		}
		return ok && found
	}, l.missing
}

func decodeWakeup(kind Kind) func(f *tracepoint.Format) (decoder, error) {
	return func(f *tracepoint.Format) (decoder, error) {
		l := fields{format: f}
		comm, pid, target := l.get("comm"), l.get("pid"), l.get("target_cpu", "cpu")
		return func(raw []byte, e *Event) bool {
			e.Kind = kind
			return readTask(raw, &pid, &comm, &e.Task) && readInt32(raw, &target, &e.Target)
		}, l.missing
	}
}

func decodeFork(f *tracepoint.Format) (decoder, error) {
	l := fields{format: f}
	parentComm, parentPID := l.get("parent_comm"), l.get("parent_pid")
	childComm, childPID := l.get("child_comm"), l.get("child_pid")
	return func(raw []byte, e *Event) bool {
		e.Kind = Fork
		ok := readTask(raw, &parentPID, &parentComm, &e.Parent) && readTask(raw, &childPID, &childComm, &e.Task)
		if e.Current.PID == e.Parent.PID {
			e.Parent.TGID = e.Current.TGID
		}
		return ok
	}, l.missing
}

func decodeExec(f *tracepoint.Format) (decoder, error) {
	l := fields{format: f}
	pid, old := l.get("pid"), l.get("old_pid")
	return func(raw []byte, e *Event) bool {
		e.Kind = Exec
		ok := readInt32(raw, &pid, &e.Task.PID) && readInt32(raw, &old, &e.Old)
		if e.Current.PID == e.Task.PID {
			e.Task.TGID, e.Task.Comm = e.Current.TGID, e.Current.Comm
		}
		return ok
	}, l.missing
}

func decodeTask(kind Kind) func(f *tracepoint.Format) (decoder, error) {
	return func(f *tracepoint.Format) (decoder, error) {
		l := fields{format: f}
		comm, pid := l.get("comm"), l.get("pid")
		return func(raw []byte, e *Event) bool {
			e.Kind = kind
			ok := readTask(raw, &pid, &comm, &e.Task)
			if e.Current.PID == e.Task.PID {
				e.Task.TGID = e.Current.TGID
			}
			return ok
		}, l.missing
	}
}

func decodeMigrate(f *tracepoint.Format) (decoder, error) {
	l := fields{format: f}
	comm, pid, from, target := l.get("comm"), l.get("pid"), l.get("orig_cpu"), l.get("dest_cpu")
	return func(raw []byte, e *Event) bool {
		e.Kind = Migrate
		return readTask(raw, &pid, &comm, &e.Task) && readInt32(raw, &from, &e.From) && readInt32(raw, &target, &e.Target)
	}, l.missing
}

// decodeNewTask is the one place where a recording says what a child shares: clone_flags.
func decodeNewTask(f *tracepoint.Format) (decoder, error) {
	l := fields{format: f}
	comm, pid, flags := l.get("comm"), l.get("pid"), l.get("clone_flags")
	return func(raw []byte, e *Event) bool {
		e.Kind = Fork
		e.Parent = e.Current
		ok := readTask(raw, &pid, &comm, &e.Task)
		v, found := flags.Int(raw)
		e.CloneFlags, e.HasCloneFlags = uint64(v), found
		return ok && found
	}, l.missing
}

func decodeRename(f *tracepoint.Format) (decoder, error) {
	l := fields{format: f}
	comm := l.get("newcomm")
	pid, hasPID := f.Field("pid") // gone since 6.16: a task renames itself
	return func(raw []byte, e *Event) bool {
		e.Kind = Comm
		e.Task.PID, e.Task.TGID = e.Current.PID, e.Current.TGID
		if hasPID && !readInt32(raw, &pid, &e.Task.PID) {
			return false
		}
		if e.Task.PID != e.Current.PID {
			e.Task.TGID = Unknown
		}
		return readComm(raw, &comm, &e.Task.Comm)
	}, l.missing
}

func readTask(raw []byte, pid, comm *tracepoint.Field, t *Task) bool {
	return readInt32(raw, pid, &t.PID) && readComm(raw, comm, &t.Comm)
}

func readComm(raw []byte, f *tracepoint.Field, c *CommName) bool {
	if f.Size == len(c) && f.Offset+len(c) <= len(raw) {
		c.fill(raw[f.Offset:])
		return true
	}
	b, ok := f.Bytes(raw)
	*c = commName(b)
	return ok
}

func readInt32(raw []byte, f *tracepoint.Field, v *int32) bool {
	n, ok := f.Int(raw)
	*v = int32(n)
	return ok
}
