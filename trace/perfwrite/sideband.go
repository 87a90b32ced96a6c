package perfwrite

// What At means here: a Time of 0 and no Current is how perf describes what it found when it began.

// sideband writes a record that is no sample, with its trailer.
func (w *Writer) sideband(kind uint32, misc uint16, at At, body []byte) {
	body = pad(body)
	b := append(w.rec[:0], header(kind, misc, 8+len(body)+32)...)
	b = append(b, body...)
	b = le.AppendUint32(b, uint32(at.Current.TGID))
	b = le.AppendUint32(b, uint32(at.Current.PID))
	b = le.AppendUint64(b, at.Time)
	b = le.AppendUint32(b, uint32(at.CPU))
	b = le.AppendUint32(b, 0)
	id := uint64(0)
	if at.Time != 0 {
		id = w.id(evSwitch, at.CPU)
	}
	b = le.AppendUint64(b, id)
	w.rec = b
	w.Raw(b)
}

func words(v ...uint32) []byte {
	var b []byte
	for _, x := range v {
		b = le.AppendUint32(b, x)
	}
	return b
}

// TaskFork writes PERF_RECORD_FORK, TaskExit PERF_RECORD_EXIT.
func (w *Writer) TaskFork(at At, parent, child Task) { w.task(7, at, parent, child) }
func (w *Writer) TaskExit(at At, parent, task Task)  { w.task(4, at, parent, task) }

func (w *Writer) task(kind uint32, at At, parent, t Task) {
	body := words(uint32(t.TGID), uint32(parent.TGID), uint32(t.PID), uint32(parent.PID))
	w.sideband(kind, 0, at, le.AppendUint64(body, at.Time))
}

// TaskComm writes PERF_RECORD_COMM.
func (w *Writer) TaskComm(at At, t Task, exec bool) {
	misc := uint16(0)
	if exec {
		misc = 1 << 13
	}
	body := words(uint32(t.TGID), uint32(t.PID))
	w.sideband(3, misc, at, append(append(body, t.Comm...), 0))
}

// Mmap writes PERF_RECORD_MMAP2.
func (w *Writer) Mmap(at At, t Task, address, length uint64, filename string) {
	body := words(uint32(t.TGID), uint32(t.PID))
	body = append(append(body, pair(address, length)...), make([]byte, 40)...)
	w.sideband(10, 2, at, append(append(body, filename...), 0))
}

// Lost writes PERF_RECORD_LOST, LostSamples PERF_RECORD_LOST_SAMPLES.
func (w *Writer) Lost(at At, count uint64) {
	w.sideband(2, 0, at, pair(w.id(evSwitch, at.CPU), count))
}

func (w *Writer) LostSamples(at At, count uint64) {
	w.sideband(13, 0, at, le.AppendUint64(nil, count))
}
