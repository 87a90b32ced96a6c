package registers

import (
	"errors"
	"fmt"

	"switchyard/machine/mem"
)

// Where things are on the simulated machine. A task_struct has as much room as any kernel's needs, per-CPU
// data as much as the displacements in code reach.
const (
	taskBase, taskShift     = 0xffff888000000000, 16
	stackBase, stackShift   = 0xffffc90000000000, 14
	perCPUBase, perCPUShift = 0xffff88803fc00000, 20
	backBase                = 0xffffffffa0000000 // where tasks call the function from
	stackDepth              = 0x800              // how much of its stack a task uses

	tasks, cpus = 3, 2
)

func perCPU(n int) uint64 { return perCPUBase + uint64(n)<<perCPUShift }

// junk is what whatever may be clobbered is clobbered with.
func junk(i int) uint64 { return 0xdead_0000_0000_0000 + uint64(i) }

// task is what one task knows of itself when it leaves the CPU.
type task struct {
	name string
	kept []uint64
	sp   uint64
	back uint64 // where its call returns to
}

// yard is a simulated machine with the function on it.
type yard struct {
	cpus   [cpus]core
	tasks  [tasks]task
	entry  uint64
	size   uint64
	symbol func(uint64) string

	mem    mem.Memory
	taskMM []uint64 // words of task structures, stacks, per-CPU data
	stacks []uint64
	perCPU []uint64
}

func newYard(s *Subject) (*yard, error) {
	y := &yard{entry: s.Addr, size: uint64(len(s.Code)), symbol: s.Symbol,
		taskMM: make([]uint64, tasks<<taskShift/8), stacks: make([]uint64, tasks<<stackShift/8), perCPU: make([]uint64, cpus<<perCPUShift/8)}
	y.mem.Arrays = []mem.Array{
		{Name: "task_struct", Base: taskBase, Shift: taskShift, Size: 1 << taskShift, Words: y.taskMM},
		{Name: "kernel stack", Base: stackBase, Shift: stackShift, Size: 1 << stackShift, Words: y.stacks},
		{Name: "per-CPU data", Base: perCPUBase, Shift: perCPUShift, Size: 1 << perCPUShift, Words: y.perCPU},
	}
	// Every word has a value of its own, so that what was copied can be told.
	for i, words := range [][]uint64{y.taskMM, y.stacks, y.perCPU} {
		for j := range words {
			words[j] = uint64(0x10+i)<<56 | uint64(j)
		}
	}
	for i := range y.cpus {
		c, err := newCore(s.Arch, i, &y.mem)
		if err != nil {
			return nil, err
		}
		y.cpus[i] = c
	}
	for i := range y.tasks {
		y.tasks[i] = task{name: string(rune('A' + i)), back: backBase + uint64(i)<<12}
	}
	return y, nil
}

func taskAddr(i int) uint64 { return taskBase + uint64(i)<<taskShift }

// nameTask names the task whose structure is at addr.
func (y *yard) nameTask(addr uint64) string {
	for i := range y.tasks {
		if taskAddr(i) == addr {
			return y.tasks[i].name
		}
	}
	return fmt.Sprintf("%#x, which is no task", addr)
}

// stackOf tells whose stack an address is in, -1 for none. A stack that is empty has the address of its end.
func stackOf(sp uint64) int {
	if i := (sp - 1 - stackBase) >> stackShift; sp > stackBase && i < tasks {
		return int(i)
	}
	return -1
}

// resume makes a CPU run a task that keeps values of its own in all registers that are kept. The generation
// tells the values from those that it had earlier.
func (y *yard) resume(cpu, t, generation int) {
	f, me := y.cpus[cpu].file(), &y.tasks[t]
	me.kept = me.kept[:0]
	for i, r := range f.kept {
		*r = uint64(t+1)<<56 | uint64(generation)<<48 | 0xca11_0000_0000 | uint64(i)
		me.kept = append(me.kept, *r)
	}
	for i, r := range f.scratch {
		*r = junk(cpu<<8 | i)
	}
	me.sp = stackBase + uint64(t+1)<<stackShift - stackDepth
	*f.sp = me.sp
}

// maxInstructions bounds one switch: the longest known fills the return stack buffer in a loop.
const maxInstructions = 4096

// watch sees each instruction before and after it was executed.
type watch func(pc, spBefore, spAfter uint64)

// switchTo has the task on a CPU call the function, and runs until it has returned to somebody. It returns
// the number of instructions.
func (y *yard) switchTo(cpu, prev, next int, w watch) (int, error) {
	c := y.cpus[cpu]
	f := c.file()
	if err := c.call(y.entry, taskAddr(prev), taskAddr(next), y.tasks[prev].back); err != nil {
		return 0, err
	}
	for n := 0; n < maxInstructions; {
		pc := *f.pc
		switch {
		case y.returned(pc):
			return n, nil
		case c.contains(pc):
			sp := *f.sp
			if err := y.execute(c); err != nil {
				return n, err
			}
			n++
			if w != nil {
				w(pc, sp, *f.sp)
			}
		default:
			if err := y.outside(c, pc); err != nil {
				return n, err
			}
		}
	}
	return maxInstructions, fmt.Errorf("the code is still running after %d instructions", maxInstructions)
}

func (y *yard) returned(pc uint64) bool {
	for i := range y.tasks {
		if y.tasks[i].back == pc {
			return true
		}
	}
	return false
}

// errInside says that control is in the function, where no instruction is simulated.
var errInside = errors.New("control is inside of the function, but not at the beginning of an instruction")

// strayError says that something was used as an address that is none: what was never saved.
type strayError struct {
	what string
	addr uint64
}

func (s *strayError) Error() string {
	return fmt.Sprintf("%s %#x, which is no address: what was taken for one was never saved", s.what, s.addr)
}

// canonicalKernel tells whether an address could be one of the kernel's.
func canonicalKernel(addr uint64) bool { return addr>>47 == 1<<17-1 }

func (y *yard) outside(c core, pc uint64) error {
	if pc-y.entry < y.size {
		return errInside
	}
	if !canonicalKernel(pc) {
		return &strayError{"control goes to", pc}
	}
	name := ""
	if y.symbol != nil {
		if name = y.symbol(pc); name == "" {
			name = fmt.Sprintf("%#x", pc)
		}
	}
	return c.outside(name)
}

// execute is step, with a stray access told from one to memory that is only not simulated.
func (y *yard) execute(c core) error {
	err := c.step()
	if f, ok := errors.AsType[*mem.Fault](err); ok && !canonicalKernel(f.Addr) {
		verb := "it reads"
		if f.Write {
			verb = "it writes to"
		}
		return &strayError{fmt.Sprintf("at %#x %s", f.PC, verb), f.Addr}
	}
	return err
}
