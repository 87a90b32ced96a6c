package verify

import (
	"errors"
	"slices"

	"switchyard/machine"
	"switchyard/record/tape"
)

// switched compares what a switch found, and makes it.
func (r *run) switched(c *cpu, e *tape.Event) error {
	r.report.Switches++
	known := c.seen
	if err := r.align(c, e); err != nil {
		return err
	}
	if known && c.seen {
		if err := r.ownMM(c, e); err != nil {
			return err
		}
	}
	active, err := r.lookUp(&e.Active)
	if err != nil {
		return err
	}
	user, err := r.lookUp(&e.User)
	if err != nil {
		return err
	}
	on := machine.CPUID(e.CPU)
	next, err := r.introduce(c, on, &e.Next, &e.User)
	if err != nil {
		return err
	}
	if !r.arm {
		if err := errors.Join(r.flushes(c, e, active, &e.Active), r.flushes(c, e, user, &e.User)); err != nil {
			return err
		}
	}
	if known && !c.broken {
		if err := r.compare(c, e, active, user); err != nil {
			return err
		}
	} else {
		r.adopt(c, e, active, user)
	}
	if !r.arm {
		r.invalidated(c, int(e.CPU))
	}
	c.seen, c.broken, c.moved = true, false, false
	return r.handOver(c, e, next)
}

// compare holds what the machine has against what the switch found.
func (r *run) compare(c *cpu, e *tape.Event, active, user *space) error {
	t := &r.m.S.Tasks[c.curr.slot]
	if active != nil {
		tally := &r.report.Facts[ActiveMM]
		tally.Checked++
		if t.ActiveMM == active.id {
			tally.Predicted++
		} else {
			m := r.about(e, ActiveMM, active, r.mmName(t.ActiveMM), r.mmName(active.id))
			m.Cause = OurFault
			switch had := r.named(t.ActiveMM); {
			case active.disturbed:
				m.Cause = EventLost
			case r.arm && had != nil && had.name == active.name:
				// arm64 does not say that a number is another's by now, and who took it over was not seen to.
				m.Cause = Window
			}
			r.file(&m)
			t.ActiveMM = active.id
		}
		r.counts(e, active, &e.Active)
	}
	if user != nil && user != active {
		r.counts(e, user, &e.User)
	}
	if r.arm {
		r.compareARM(c, e, active, user)
	} else if err := r.compareX86(c, e, active); err != nil {
		return err
	}
	for _, s := range [...]*space{active, user} {
		if s != nil {
			s.disturbed = false
		}
	}
	return nil
}

// align makes the CPU run whom the recording shows there. If that is not whom its last switch left there, something
// was lost.
func (r *run) align(c *cpu, e *tape.Event) error {
	if c.seen && r.isPrev(c, e) {
		return nil
	}
	if c.seen {
		r.report.Gaps++
		c.broken = true
		r.disturb(r.m.S.Tasks[c.curr.slot].ActiveMM)
		r.disturb(r.m.S.Tasks[c.curr.slot].MM)
	}
	on := machine.CPUID(e.CPU)
	prev, err := r.introduce(c, on, &e.Prev, &e.Active)
	if err != nil || prev == c.curr {
		return err
	}
	r.disturb(r.m.S.Tasks[prev.slot].MM)
	if c.seen {
		// Most likely it is this very switch that is missing.
		return r.force(c, on, prev)
	}
	// What this does to counts was done before the recording began, and is in what was seen of them.
	counts := r.hold(r.m.S.Tasks[c.curr.slot].ActiveMM, r.m.S.Tasks[prev.slot].MM, machine.InitMM)
	if err := r.force(c, on, prev); err != nil {
		return err
	}
	counts.restore(r)
	return nil
}

// isPrev tells whether prev is who runs there, perhaps under a new pid: a thread that executes takes over that of its
// process, whose first task has exited by then.
func (r *run) isPrev(c *cpu, e *tape.Event) bool {
	t := c.curr
	if t.idle || t.pid == e.Prev.PID {
		return t.pid == e.Prev.PID
	}
	if t.tgid != e.Prev.PID || t.tgid != e.Prev.TGID {
		return false
	}
	r.rename(t, e.Prev.PID)
	return true
}

func (r *run) rename(t *task, pid uint32) {
	first := r.tasks[pid]
	delete(r.tasks, t.pid)
	if first != nil {
		first.pid, r.tasks[t.pid] = t.pid, first
	}
	t.pid, r.tasks[pid] = pid, t
}

func (r *run) disturb(id machine.MMID) {
	if s := r.named(id); s != nil {
		s.disturbed = true
	}
}

// force has a CPU switch to a task without the recording having said so.
func (r *run) force(c *cpu, on machine.CPUID, t *task) error {
	if other := r.isCurrent(t); other != nil && other != c {
		other.broken = true
		at := r.m.S.Tasks[t.slot].CPU
		if err := r.m.Switch(at, other.idle.slot, false); err != nil {
			return err
		}
		other.curr = other.idle
	}
	if err := r.m.Place(t.slot, on); err != nil {
		return err
	}
	if err := r.m.Switch(on, t.slot, false); err != nil {
		return err
	}
	c.curr = t
	return nil
}

// handOver makes the switch.
func (r *run) handOver(c *cpu, e *tape.Event, next *task) error {
	on := machine.CPUID(e.CPU)
	if next == c.curr {
		c.broken = true
		return nil
	}
	if other := r.isCurrent(next); other != nil {
		// It was never seen to leave the other CPU.
		other.broken = true
		r.disturb(r.m.S.Tasks[next.slot].ActiveMM)
		counts := r.hold(r.m.S.Tasks[next.slot].ActiveMM, machine.InitMM)
		if err := r.m.Switch(r.m.S.Tasks[next.slot].CPU, other.idle.slot, false); err != nil {
			return err
		}
		counts.restore(r)
		other.curr = other.idle
	}
	prev := c.curr
	// A task that is preempted has perhaps not come to the end of __mmput.
	if prev.leaving != nil && (prev.tore != nil && !e.Preempt || e.Prev.State&taskDead != 0) {
		// It has gone on to something else.
		r.left(prev)
	}
	p := &r.m.S.Tasks[prev.slot]
	w := r.watch(p.ActiveMM, p.MM, r.m.S.Tasks[next.slot].MM)
	op := switching
	switch user := p.MM != machine.NoMM; {
	case user && e.Next.MM == tape.NoMM:
		op = toKernel
	case !user && e.Next.MM != tape.NoMM:
		op = toUser
	}
	c.deltas = c.deltas[:0]
	loads := r.m.Stats.Loads
	if !next.idle {
		if err := r.m.Place(next.slot, on); err != nil {
			return err
		}
	}
	var err error
	switch {
	case e.Prev.State&taskDead != 0 && !prev.idle:
		prev.dead = true
		err = r.m.Exit(on, next.slot)
	case e.Preempt || e.Prev.State == 0 || prev.idle:
		err = r.m.Switch(on, next.slot, false)
	default:
		err = r.m.Sleep(on, machine.TaskInterruptible, next.slot)
	}
	c.curr = next
	r.saw(c, e, r.m.Stats.Loads != loads)
	r.note(int(e.CPU), &w, op)
	return err
}

// taskDead is TASK_DEAD since 4.14.
const taskDead = 0x80

// held are counts that shall stay as they are.
type held struct {
	ids   []machine.MMID
	count []int32
}

func (r *run) hold(ids ...machine.MMID) (h held) {
	for _, id := range ids {
		if id != machine.NoMM && !slices.Contains(h.ids, id) {
			h.ids, h.count = append(h.ids, id), append(h.count, r.m.S.MMs[id].Count)
			// Nothing that is held is freed meanwhile.
			r.m.S.MMs[id].Count += 16
		}
	}
	return h
}

func (h *held) restore(r *run) {
	for i, id := range h.ids {
		r.m.S.MMs[id].Count = h.count[i]
	}
}

func (r *run) mmName(id machine.MMID) string {
	switch s := r.named(id); {
	case id == machine.InitMM:
		return "init_mm"
	case s != nil:
		return "mm " + itoa(uint64(s.name))
	}
	return "none"
}
