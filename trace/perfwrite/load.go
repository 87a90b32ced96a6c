package perfwrite

// Load is a schedule of any length: on every CPU, a few processes and the idle task take turns.
type Load struct {
	CPUs     int
	Switches int // on all CPUs together
	PerRound int // switches on one CPU before its buffer is written out; 2048 if 0
	NoRounds bool
}

// Begin is when a Load's first switch happens, in ns; each CPU switches once in Interval.
const (
	Begin    = 1_000_000_000
	Interval = 2_000
)

// Write writes the load CPU by CPU, round by round, as perf does: sorted within each CPU's part of a round only.
func (l Load) Write(w *Writer) {
	cpus, per := max(l.CPUs, 1), l.PerRound
	if per == 0 {
		per = 2048
	}
	for base, left := 0, l.Switches; left > 0; base += per {
		for cpu := 0; cpu < cpus && left > 0; cpu++ {
			n := min(per, left)
			l.part(w, cpu, base, n)
			left -= n
		}
		if !l.NoRounds {
			w.FinishedRound()
		}
	}
}

// part writes switches base to base+n of one CPU.
func (l Load) part(w *Writer, cpu, base, n int) {
	for i := base; i < base+n; i++ {
		when := uint64(Begin + i*Interval + cpu*7)
		w.Switch(when, cpu, turn(cpu, i), turn(cpu, i+1), uint64(Interruptible*(i%2)))
	}
}

// turn is who runs after i switches.
func turn(cpu, i int) Task {
	if i%4 == 0 {
		return Task{PID: 0, TGID: 0, Comm: idleNames[cpu%len(idleNames)]}
	}
	pid := int32(100 + 10*cpu + i%4)
	return Task{PID: pid, TGID: pid, Comm: "worker"}
}

var idleNames = [...]string{"swapper/0", "swapper/1", "swapper/2", "swapper/3"}
