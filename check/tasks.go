package check

import (
	"slices"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// tasks is an environment in which tasks do what tasks do. Each capability is on or off.
type tasks struct {
	preempt bool // at any step with interrupts on
	sleep   bool // and be woken, on any CPU
	stepped bool // wakeups go step by step; else they happen at one stroke, and a model of their own looks into them
	move    bool // between run queues
	fork    bool
	thread  bool
	vfork   bool
	exec    bool
	exit    bool // and be waited for
	outside bool // references from outside, to the mm_struct
	users   bool // and to what is mapped
	useMM   bool // kernel threads work in a process's address space
	munmap  []int32
	tables  bool // of munmap: page tables go as well
	offline bool
	fill    bool // speculation
	pin     bool // arm64: devices pin ASIDs
	syscall bool // arm64 with vector registers: tasks ask for things in the middle of a system call
	neon    bool // likewise: the kernel computes with them
	signal  bool // likewise: programs handle signals
	uaccess bool // the kernel copies from user memory
	kernel  bool // arm64 with its entry code: it uses pages of its own
	vmalloc bool // classic: it makes mappings that need a new top-level entry, and uses them

	barriers []int32 // forms of membarrier that are called
	global   bool    // GLOBAL_EXPEDITED is

	changes uint32 // page-table changes of an address space that may be counted at once

	calm    []bool // for each program counter: a preempting schedule may come here
	making  []bool // a path that wakes or makes a task
	burying []bool // release_task
	dying   []bool // finish_cpu
	pins    []bool // arm64_mm_context_put
	inCall  []bool // in the middle of a system call
	inFault []bool // touch_kernel_range
	answers []bool // waiting for calls to be answered, which in 7.3 leaves preemption on
}

func (e *tasks) prepare(p *step.Program) {
	for _, at := range []*[]bool{&e.calm, &e.making, &e.burying, &e.dying, &e.pins, &e.inCall, &e.inFault, &e.answers} {
		*at = make([]bool, p.Len())
	}
	for pc := range uint32(p.Len()) {
		in := p.At(pc)
		if in.Path == nil {
			continue
		}
		e.calm[pc] = in.Path.Name != "schedule" && in.Path.Name != "el1_interrupt"
		e.making[pc] = slices.Contains([]string{"kernel_clone", "try_to_wake_up", "move_queued_task", "mm_release"}, in.Path.Name)
		e.burying[pc] = in.Path.Name == "release_task"
		e.pins[pc] = in.Path.Name == "arm64_mm_context_put"
		e.inCall[pc] = e.syscall && in.Label == "el0_svc ends"
		e.inFault[pc] = in.Path.Name == "touch_kernel_range"
		e.dying[pc] = in.Path.Name == "finish_cpu"
		e.answers[pc] = in.Label == "csd_lock_wait"
	}
}

// crossing reports whether a CPU may look after another one's run queue.
func (e *tasks) crossing() bool {
	return e.sleep || e.move || e.fork || e.thread || e.vfork || e.offline
}

func (e *tasks) offer(w *walker) {
	s := w.now
	for i := range s.CPUs {
		cpu, c := machine.CPUID(i), &s.CPUs[i]
		switch {
		case !c.Online:
		case s.Tasks[c.Stack].Depth != 0:
			e.amid(w, cpu, c)
		case !c.IRQOff && c.Preempt == 0:
			e.rest(w, cpu, c)
		}
		if e.fill && !w.w.eager {
			w.add(action{do: fillTLB, cpu: cpu})
		}
		if e.vmalloc && c.Online {
			e.kernelFault(w, cpu, c)
		}
	}
}

// amid is what may happen to a CPU in the middle of a path: its task is preempted. One that is on its way
// into a preempting schedule is not preempted again: that would only put the same frames on top.
func (e *tasks) amid(w *walker, cpu machine.CPUID, c *machine.CPU) {
	if c.IRQOff || c.Preempt != 0 || c.Stack != c.Curr {
		return
	}
	f := w.now.Top(c.Stack)
	if w.m.Outcomes(cpu) == 0 && !e.answers[f.PC] {
		return // who spins for a lock has interrupts or preemption off
	}
	if e.inCall[f.PC] {
		e.calls(w, cpu)
	}
	if !e.preempt {
		return
	}
	if !e.calm[f.PC] && f.N != 0 {
		return
	}
	e.preempted(w, cpu, c)
}

func (e *tasks) preempted(w *walker, cpu machine.CPUID, c *machine.CPU) {
	if w.now.Tasks[c.Curr].Kind != machine.IdleTask && e.othersQueued(w.now, cpu, c.Curr) {
		w.add(action{do: enter, cpu: cpu, entry: w.w.entries.preempt, args: machine.Frame{N: 1}})
	}
}

// othersQueued: is there another task that cpu could run.
func (e *tasks) othersQueued(s *machine.State, cpu machine.CPUID, cur machine.TaskID) bool {
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if machine.TaskID(i) != cur && t.OnRQ == machine.OnRQQueued && t.CPU == cpu && t.Kind != machine.IdleTask && t.Kind != machine.FreeTask {
			return true
		}
	}
	return false
}

// rest is what may happen on a CPU whose task is in user mode, in its own function or in the idle loop.
func (e *tasks) rest(w *walker, cpu machine.CPUID, c *machine.CPU) {
	s, at := w.now, &w.w.entries
	t := &s.Tasks[c.Curr]
	e.interrupted(w, cpu)
	if t.Kind == machine.IdleTask {
		if e.othersQueued(s, cpu, c.Curr) {
			w.add(action{do: enter, cpu: cpu, entry: at.schedule, args: machine.Frame{N: 1}})
		} else if e.offline && e.mayGo(w, cpu) {
			w.add(action{do: goOffline, cpu: cpu, entry: at.offline})
		}
		return
	}
	if e.preempt {
		e.preempted(w, cpu, c)
	}
	if e.sleep {
		w.add(action{do: sleepSoon, cpu: cpu, entry: at.schedule})
	}
	if t.UsingMM {
		w.add(action{do: unuseMM, cpu: cpu, entry: at.unuse})
		if e.uaccess {
			w.add(action{do: enter, cpu: cpu, entry: at.copyFromUser})
		}
		return
	}
	if e.syscall {
		w.add(action{do: enter, cpu: cpu, entry: at.call})
		return
	}
	e.calls(w, cpu)
}

// process is what a task with an address space may ask for.
func (e *tasks) process(w *walker, cpu machine.CPUID, t *machine.Task, mm machine.MMID) {
	s, at := w.now, &w.w.entries
	own := &s.MMs[t.MM]
	if e.uaccess {
		w.add(action{do: enter, cpu: cpu, entry: at.copyFromUser})
	}
	child := freeTask(s)
	for target := range s.CPUs {
		if !s.CPUs[target].Online || e.leaving(w, machine.CPUID(target)) || child == machine.NoTask {
			continue
		}
		if e.fork && mm != machine.NoMM && own.Changes < e.changes {
			w.add(action{do: enter, cpu: cpu, entry: at.clone, args: machine.Frame{Next: child, CPU: machine.CPUID(target), MM: mm}})
		}
		if e.thread {
			w.add(action{do: enter, cpu: cpu, entry: at.clone, args: machine.Frame{Next: child, CPU: machine.CPUID(target), MM: machine.NoMM, N: kernel.CloneVM}})
		}
		if e.vfork {
			w.add(action{do: enter, cpu: cpu, entry: at.clone, args: machine.Frame{Next: child, CPU: machine.CPUID(target), MM: machine.NoMM, N: kernel.CloneVM | kernel.CloneVfork}})
		}
	}
	if e.outside && own.ExtCount == 0 {
		w.add(action{do: enter, cpu: cpu, entry: at.grab, args: machine.Frame{MM: t.MM}})
	}
	if e.users && own.ExtUsers == 0 {
		w.add(action{do: enter, cpu: cpu, entry: at.mmget, args: machine.Frame{MM: t.MM}})
	}
	for _, form := range e.barriers { // who did not register may ask too
		w.add(action{do: enter, cpu: cpu, entry: at.membarrier, args: machine.Frame{N: form}})
	}
	if e.global {
		w.add(action{do: enter, cpu: cpu, entry: at.membarrierGlobal, args: machine.Frame{N: kernel.MembarrierGlobal}})
	}
	if e.pin && own.Pinned == 0 {
		w.add(action{do: enter, cpu: cpu, entry: at.pin, args: machine.Frame{MM: t.MM}})
	} else if e.pin && own.Pinned > 0 && !e.anywhere(w, e.pins) {
		w.add(action{do: enter, cpu: cpu, entry: at.unpin, args: machine.Frame{MM: t.MM}})
	}
	if own.Changes < e.changes {
		for _, pages := range e.munmap {
			w.add(action{do: enter, cpu: cpu, entry: at.munmap, args: machine.Frame{N: pages}})
			if e.tables {
				w.add(action{do: enter, cpu: cpu, entry: at.munmap, args: machine.Frame{N: pages, State: kernel.FreeTables}})
			}
		}
	}
}

// kthread is what a kernel thread may do with the address spaces of others.
func (e *tasks) kthread(w *walker, cpu machine.CPUID) {
	s := w.now
	for m := 1; m < len(s.MMs); m++ {
		if mm := &s.MMs[m]; mm.Users > 0 && mm.ExtUsers == 0 {
			w.add(action{do: useMM, cpu: cpu, entry: w.w.entries.use, args: machine.Frame{MM: machine.MMID(m)}})
		}
	}
}

// interrupted is what any CPU may do on behalf of others, from an interrupt or a system call.
func (e *tasks) interrupted(w *walker, cpu machine.CPUID) {
	s, at := w.now, &w.w.entries
	wake := whole
	if e.stepped {
		wake = enter
	}
	for i := range s.Tasks {
		t := &s.Tasks[i]
		if t.Kind == machine.FreeTask || t.Kind == machine.IdleTask {
			continue
		}
		for target := range s.CPUs {
			if !s.CPUs[target].Online || e.leaving(w, machine.CPUID(target)) {
				continue // select_task_rq takes no CPU that is not active
			}
			args := machine.Frame{Next: machine.TaskID(i), CPU: machine.CPUID(target)}
			if e.sleep && t.State == machine.TaskInterruptible {
				w.add(action{do: wake, cpu: cpu, entry: at.wake, args: args})
			}
			if e.move && !reaped(s, t) && !e.referred(w, e.burying, machine.TaskID(i)) && t.OnRQ == machine.OnRQQueued && t.CPU != machine.CPUID(target) {
				w.add(action{do: enter, cpu: cpu, entry: at.move, args: args})
			}
		}
		if t.Zombie && !e.referred(w, e.making, machine.TaskID(i)) {
			w.add(action{do: wake, cpu: cpu, entry: at.reap, args: machine.Frame{Next: machine.TaskID(i)}})
		}
	}
	for m := 1; m < len(s.MMs); m++ {
		if s.MMs[m].ExtCount > 0 {
			w.add(action{do: enter, cpu: cpu, entry: at.drop, args: machine.Frame{MM: machine.MMID(m)}})
		}
		if e.users && s.MMs[m].ExtUsers > 0 {
			w.add(action{do: enter, cpu: cpu, entry: at.mmput, args: machine.Frame{MM: machine.MMID(m)}})
		}
	}
	if e.offline {
		e.finishOthers(w, cpu)
	}
	if e.vmalloc && s.Global.KernelEntries <= e.changes {
		w.add(action{do: enter, cpu: cpu, entry: at.mapKernel})
	}
}

// mayGo: a CPU goes when nothing is queued on it, nobody is about to queue something there, and another
// one stays.
func (e *tasks) mayGo(w *walker, cpu machine.CPUID) bool {
	s := w.now
	stays := false
	for i := range s.CPUs {
		stays = stays || machine.CPUID(i) != cpu && s.CPUs[i].Online && !e.leaving(w, machine.CPUID(i))
	}
	return stays && !e.anywhere(w, e.making) && s.Calls(cpu).Empty() && !s.Wakers().Has(cpu)
}

// leaving: the CPU is on its way out.
func (e *tasks) leaving(w *walker, cpu machine.CPUID) bool {
	c := &w.now.CPUs[cpu]
	return c.Pick == c.Idle
}

// anywhere: is some task in one of these paths.
func (e *tasks) anywhere(w *walker, in []bool) bool {
	for i := range w.now.Tasks {
		for _, f := range w.now.Live(machine.TaskID(i)) {
			if in[f.PC] {
				return true
			}
		}
	}
	return false
}

// referred: is somebody in one of these paths on behalf of the task. Who wakes or moves one holds it.
func (e *tasks) referred(w *walker, in []bool, t machine.TaskID) bool {
	for i := range w.now.Tasks {
		for _, f := range w.now.Live(machine.TaskID(i)) {
			if in[f.PC] && f.Next == t {
				return true
			}
		}
	}
	return false
}

// reaped: nobody can find the task any more.
func reaped(s *machine.State, t *machine.Task) bool {
	if s.Config.Release >= machine.V6_1 {
		return t.RCUUsers < 2
	}
	return t.Usage < 2
}

// finishOthers ends what a CPU that went offline began, and brings it back. That it still has to be
// finished is said by its next pick, which an offline CPU never makes.
func (e *tasks) finishOthers(w *walker, cpu machine.CPUID) {
	s := w.now
	for i := range s.CPUs {
		c := &s.CPUs[i]
		switch {
		case c.Online || s.Tasks[c.Stack].Depth != 0:
		case e.leaving(w, machine.CPUID(i)):
			w.add(action{do: finish, cpu: cpu, entry: w.w.entries.finishCPU, args: machine.Frame{CPU: machine.CPUID(i)}})
		case !e.anywhere(w, e.dying):
			w.add(action{do: bringUp, cpu: machine.CPUID(i), entry: w.w.entries.online})
		}
	}
}

func freeTask(s *machine.State) machine.TaskID {
	for i := range s.Tasks {
		if t := &s.Tasks[i]; t.Kind == machine.FreeTask && t.Depth == 0 {
			return machine.TaskID(i)
		}
	}
	return machine.NoTask
}

func freeMM(s *machine.State) machine.MMID {
	for i := range s.MMs {
		if s.MMs[i].Alive == 0 {
			return machine.MMID(i)
		}
	}
	return machine.NoMM
}
