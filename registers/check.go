package registers

import (
	"errors"
	"fmt"
	"slices"

	"switchyard/machine/mem"
)

// maxCode bounds the function; the largest known has 200 bytes.
const maxCode = 64 << 10

// Check runs the function, as it was linked and in each variant.
func Check(s Subject) (*Result, error) {
	switch {
	case len(s.Code) == 0:
		return nil, fmt.Errorf("%s has no bytes", s.Name)
	case len(s.Code) > maxCode:
		return nil, fmt.Errorf("%s has %d bytes, which is no register switch: the largest that is tried has %d", s.Name, len(s.Code), maxCode)
	case overlaps(s.Addr, len(s.Code)):
		return nil, fmt.Errorf("%s at %#x lies where the simulated machine has its memory", s.Name, s.Addr)
	}
	res := &Result{Subject: s}
	for _, v := range append([]Variant{{Code: s.Code}}, s.Variants...) {
		r, err := check(&s, v)
		if err != nil {
			return nil, err
		}
		res.Runs = append(res.Runs, *r)
	}
	return res, nil
}

// overlaps tells whether code at addr would lie on the memory or on the addresses that calls return to.
func overlaps(addr uint64, n int) bool {
	end := addr + uint64(n)
	for _, r := range [][2]uint64{{taskBase, taskBase + tasks<<taskShift}, {stackBase, stackBase + tasks<<stackShift},
		{perCPUBase, perCPUBase + cpus<<perCPUShift}, {backBase, backBase + tasks<<12}} {
		if addr < r[1] && end > r[0] {
			return true
		}
	}
	return end < addr
}

// The three tasks: A leaves for B and is brought back by C.
const taskA, taskB, taskC = 0, 1, 2

func check(s *Subject, v Variant) (*Run, error) {
	y, err := newYard(s)
	if err != nil {
		return nil, err
	}
	r := &Run{Variant: v.Name}
	for _, c := range y.cpus {
		r.Code = withoutPadding(c.load(v.Code, s.Addr))
	}
	err = r.play(y)
	if stray, ok := errors.AsType[*strayError](err); ok {
		r.broken("%s", stray)
		return r, nil
	}
	r.Stopped = r.explain(y, err)
	return r, nil
}

// withoutPadding takes off what fills the space up to the next function.
func withoutPadding(code []Instruction) []Instruction {
	for len(code) > 0 && code[len(code)-1].padding {
		code = code[:len(code)-1]
	}
	return code
}

// play is the whole scene.
func (r *Run) play(y *yard) error {
	// B once left a CPU itself: it switched to itself, which saves all that a later switch restores.
	y.resume(1, taskB, 1)
	if _, err := y.switchTo(1, taskB, taskB, nil); err != nil {
		return err
	}
	y.resume(0, taskA, 2)
	left := y.tasks[taskA]
	if err := r.away(y); err != nil {
		return err
	}
	r.arrived(y, 0, taskB, taskA, "B, which A gave way to,")
	y.resume(1, taskC, 3)
	var changes []Change
	if _, err := y.switchTo(1, taskC, taskA, r.stackWatch(y, &changes)); err != nil {
		return err
	}
	r.countChanges(y, changes, taskC, taskA)
	f := y.cpus[1].file()
	for i, name := range f.names {
		r.Kept = append(r.Kept, Register{name, left.kept[i], *f.kept[i]})
	}
	r.Kept = append(r.Kept, Register{"sp", left.sp, *f.sp})
	if f.gs != nil {
		r.Kept[len(r.Kept)-1].Name = "rsp"
	}
	r.Last = Register{f.result, taskAddr(taskC), *f.last}
	r.arrived(y, 1, taskA, taskC, "A, back on the other CPU,")
	return nil
}

// away is A's switch to B, which is looked at closely.
func (r *Run) away(y *yard) error {
	f := y.cpus[0].file()
	before := y.remember()
	names := valueNames(y, f)
	masks := uint64(0)
	if f.masks != nil {
		masks = *f.masks
	}
	var changes []Change
	n, err := y.switchTo(0, taskA, taskB, r.stackWatch(y, &changes))
	r.Executed = n
	r.Changes = changes
	if err != nil {
		return err
	}
	r.countChanges(y, changes, taskA, taskB)
	r.Stores = before.stores(y, names)
	if f.current != nil {
		if r.Current = y.nameTask(*f.current); *f.current != taskAddr(taskB) {
			r.broken("sp_el0 names %s behind the switch from A to B: current is not next", r.Current)
		}
	}
	if f.masks != nil && *f.masks != masks {
		r.broken("the interrupt masks (daif) were %#x and are %#x behind the switch", masks, *f.masks)
	}
	return nil
}

func (r *Run) broken(format string, args ...any) {
	r.Broken = append(r.Broken, fmt.Sprintf(format, args...))
}

// arrived compares what a task finds with what it left.
func (r *Run) arrived(y *yard, cpu, t, last int, who string) {
	f, want := y.cpus[cpu].file(), &y.tasks[t]
	if *f.pc != want.back {
		r.broken("%s goes on at %#x, not behind its call at %#x", who, *f.pc, want.back)
	}
	for i, name := range f.names {
		if *f.kept[i] != want.kept[i] {
			r.broken("%s finds %s = %#x; it left %#x", who, name, *f.kept[i], want.kept[i])
		}
	}
	if *f.sp != want.sp {
		r.broken("%s finds its stack pointer at %#x; it left it at %#x", who, *f.sp, want.sp)
	}
	if *f.last != taskAddr(last) {
		r.broken("%s is told in %s that %s ran before it; it was %s", who, f.result, y.nameTask(*f.last), y.tasks[last].name)
	}
}

// stackWatch notes the instructions that move to another stack, or to none.
func (r *Run) stackWatch(y *yard, changes *[]Change) watch {
	return func(pc, before, after uint64) {
		from, to := stackOf(before), stackOf(after)
		if from == to {
			return
		}
		c := Change{Addr: pc, From: y.stackName(from), To: y.stackName(to)}
		if i := slices.IndexFunc(r.Code, func(in Instruction) bool { return in.Addr == pc }); i >= 0 {
			c.Text = r.Code[i].Text
		}
		*changes = append(*changes, c)
	}
}

func (y *yard) stackName(t int) string {
	if t < 0 {
		return "nowhere"
	}
	return y.tasks[t].name
}

func (r *Run) countChanges(y *yard, changes []Change, from, to int) {
	if len(changes) != 1 || changes[0].From != y.tasks[from].name || changes[0].To != y.tasks[to].name {
		r.broken("the switch from %s to %s moves the stack pointer to another stack %d times, not once", y.tasks[from].name, y.tasks[to].name, len(changes))
	}
}

// explain says which instruction a run stopped at.
func (r *Run) explain(y *yard, err error) error {
	if !errors.Is(err, errInside) {
		return err
	}
	for _, c := range y.cpus {
		pc := *c.file().pc
		i := slices.IndexFunc(r.Code, func(in Instruction) bool { return in.Addr == pc && in.Unknown })
		if i >= 0 && !c.contains(pc) {
			return &mem.Undefined{PC: pc, Encoding: r.Code[i].Bytes, Text: r.Code[i].Text}
		}
	}
	return err
}
