package perfwrite

// At is when and where a record is written, and who is running there.
type At struct {
	Time    uint64
	CPU     int
	Current Task
}

// sample writes the record of a tracepoint, whose own part has the given size.
func (w *Writer) sample(ev int, at At, size int, fill func(raw []byte)) {
	raw := (size+4+7)&^7 - 4
	total := 8 + 6*8 + 4 + raw
	b := append(w.rec[:0], make([]byte, total)...)
	w.rec = b
	le.PutUint32(b, 9)
	le.PutUint16(b[4:], 1)
	le.PutUint16(b[6:], uint16(total))
	le.PutUint64(b[8:], w.id(ev, at.CPU))
	le.PutUint64(b[16:], 0xffffffff81000000)
	le.PutUint32(b[24:], uint32(at.Current.TGID))
	le.PutUint32(b[28:], uint32(at.Current.PID))
	le.PutUint64(b[32:], at.Time)
	le.PutUint32(b[40:], uint32(at.CPU))
	le.PutUint64(b[48:], 1)
	le.PutUint32(b[56:], uint32(raw))
	body := b[60:]
	le.PutUint16(body, uint16(events[ev].id))
	le.PutUint32(body[4:], uint32(at.Current.PID))
	fill(body)
	w.Raw(b)
}

// Switch writes sched_switch; who runs is prev.
func (w *Writer) Switch(time uint64, cpu int, prev, next Task, state uint64) {
	w.sample(evSwitch, At{time, cpu, prev}, 64, func(raw []byte) {
		copy(raw[8:24], prev.Comm)
		le.PutUint32(raw[24:], uint32(prev.PID))
		le.PutUint32(raw[28:], 120)
		le.PutUint64(raw[32:], state)
		copy(raw[40:56], next.Comm)
		le.PutUint32(raw[56:], uint32(next.PID))
		le.PutUint32(raw[60:], 120)
	})
}

// Wakeup writes sched_wakeup, WakeupNew sched_wakeup_new.
func (w *Writer) Wakeup(at At, t Task, target int)    { w.wakeup(evWakeup, at, t, target) }
func (w *Writer) WakeupNew(at At, t Task, target int) { w.wakeup(evWakeupNew, at, t, target) }

func (w *Writer) wakeup(ev int, at At, t Task, target int) {
	w.sample(ev, at, 36, func(raw []byte) {
		putTask(raw, t)
		le.PutUint32(raw[32:], uint32(target))
	})
}

// putTask fills in what most tracepoints say about a task: comm, pid, prio.
func putTask(raw []byte, t Task) {
	copy(raw[8:24], t.Comm)
	le.PutUint32(raw[24:], uint32(t.PID))
	le.PutUint32(raw[28:], 120)
}

// Fork writes sched_process_fork: who runs is the parent.
func (w *Writer) Fork(at At, child Task) {
	parent := at.Current
	at1, at2 := 24, 24+len(parent.Comm)+1
	w.sample(evFork, at, at2+len(child.Comm)+1, func(raw []byte) {
		le.PutUint32(raw[8:], uint32(len(parent.Comm)+1)<<16|uint32(at1))
		le.PutUint32(raw[12:], uint32(parent.PID))
		le.PutUint32(raw[16:], uint32(len(child.Comm)+1)<<16|uint32(at2))
		le.PutUint32(raw[20:], uint32(child.PID))
		copy(raw[at1:], parent.Comm)
		copy(raw[at2:], child.Comm)
	})
}

// NewTask writes task_newtask, which tells the flags of clone.
func (w *Writer) NewTask(at At, child Task, flags uint64) {
	w.sample(evNewTask, at, 42, func(raw []byte) {
		le.PutUint32(raw[8:], uint32(child.PID))
		copy(raw[12:28], child.Comm)
		le.PutUint64(raw[32:], flags)
	})
}

// Exec writes sched_process_exec for who runs.
func (w *Writer) Exec(at At, old int32, filename string) {
	w.sample(evExec, at, 20+len(filename)+1, func(raw []byte) {
		le.PutUint32(raw[8:], uint32(len(filename)+1)<<16|20)
		le.PutUint32(raw[12:], uint32(at.Current.PID))
		le.PutUint32(raw[16:], uint32(old))
		copy(raw[20:], filename)
	})
}

// Exit writes sched_process_exit for who runs.
func (w *Writer) Exit(at At) {
	w.sample(evExit, at, 32, func(raw []byte) { putTask(raw, at.Current) })
}

// Free writes sched_process_free.
func (w *Writer) Free(at At, t Task) {
	w.sample(evFree, at, 32, func(raw []byte) { putTask(raw, t) })
}

// Migrate writes sched_migrate_task.
func (w *Writer) Migrate(at At, t Task, from, to int) {
	w.sample(evMigrate, at, 40, func(raw []byte) {
		putTask(raw, t)
		le.PutUint32(raw[32:], uint32(from))
		le.PutUint32(raw[36:], uint32(to))
	})
}
