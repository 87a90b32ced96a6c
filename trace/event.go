package trace

import (
	"fmt"
	"math/bits"
)

// Kind is what an event says happened.
type Kind uint8

// The kinds. Which fields of an Event count is listed with each.
const (
	Invalid     Kind = iota
	Switch           // Prev and State, Next
	Waking           // Task is about to be woken, Target
	Wakeup           // Task became runnable, Target
	WakeupNew        // Task became runnable for the first time, Target
	Fork             // Parent made Task; CloneFlags if HasCloneFlags
	Exec             // Task runs a new program and has a new mm; Old is its pid before
	Exit             // Task exits
	Comm             // Task is called Task.Comm now
	Mmap             // Task maps something: it has a user address space
	ProcessFree      // Task's task_struct is freed
	Migrate          // Task moves from CPU From to Target
	Lost             // Count events are missing here
)

var kindNames = [...]string{
	"Invalid", "Switch", "Waking", "Wakeup", "WakeupNew", "Fork", "Exec", "Exit", "Comm", "Mmap",
	"ProcessFree", "Migrate", "Lost",
}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Source is who said so. Fork, Exec, Exit and Comm can be reported twice, by a tracepoint
// and by perf's own records; neither is left out, for either can be lost.
type Source uint8

const (
	Tracepoint  Source = iota // the kernel, at that moment
	Sideband                  // the kernel, in perf's COMM, FORK, EXIT, MMAP and LOST records
	Synthesized               // perf, about what existed before the recording; Time is that of the record before it, or 0
)

var sourceNames = [...]string{"tracepoint", "sideband", "synthesized"}

func (s Source) String() string { return sourceNames[min(int(s), len(sourceNames)-1)] }

// Unknown stands for a pid, tgid or CPU that the recording does not tell.
const Unknown = -1

// Event is one event of any format. A reader fills the same Event again and again.
type Event struct {
	Kind   Kind
	Source Source
	Time   uint64 // ns, on the clock that Meta names
	Offset int64  // of its record in the file
	CPU    int32  // where it happened

	Current Task // who ran there; its comm only if the format tells
	Prev    Task
	Next    Task
	Task    Task
	Parent  Task
	Old     int32
	Target  int32
	From    int32
	State   State

	CloneFlags    uint64
	HasCloneFlags bool
	ByExec        bool // of a Comm: an exec caused it

	Count uint64
}

// Task is what an event tells of a task, in the kernel's words: PID is the thread's, TGID the
// process's, as the initial pid namespace has them.
type Task struct {
	PID, TGID int32
	Comm      CommName
}

var nobody = Task{PID: Unknown, TGID: Unknown}

// blank is an event of which nothing is known.
var blank = Event{CPU: Unknown, Current: nobody, Prev: nobody, Next: nobody, Task: nobody, Parent: nobody,
	Old: Unknown, Target: Unknown, From: Unknown}

// CommName is a task's comm, padded with NULs as in the kernel.
type CommName [16]byte

func (c CommName) String() string {
	for i, b := range c {
		if b == 0 {
			return string(c[:i])
		}
	}
	return string(c[:])
}

// commName puts a name into a CommName; what does not fit is cut off, as the kernel does.
func commName(b []byte) (c CommName) {
	copy(c[:], b)
	return c
}

// fill takes 16 bytes of a record. What stands behind the NUL is left of an earlier, longer name, and goes.
// Two words at a time, because this is most of what decoding a switch costs.
func (c *CommName) fill(b []byte) {
	lo, hi := le.Uint64(b), le.Uint64(b[8:])
	if nul := firstNUL(lo); nul < 64 {
		lo, hi = lo&(1<<nul-1), 0
	} else if nul := firstNUL(hi); nul < 64 {
		hi &= 1<<nul - 1
	}
	le.PutUint64(c[:], lo)
	le.PutUint64(c[8:], hi)
}

// firstNUL is the bit number at which the first zero byte of a word begins, 64 if it has none.
func firstNUL(w uint64) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	return bits.TrailingZeros64((w-ones)&^w&tops) &^ 7
}

// State is prev_state of a switch: why the task stopped running.
type State struct {
	Raw       uint64 // as recorded; which bit is which depends on the kernel. 0 if only the letter is known
	HasRaw    bool
	Letter    byte // R, S, D, T, t, X, Z, P, I, ... ; '?' if the recording does not explain its bits
	Preempted bool // the "+": it was runnable and was made to stop
}

func (s State) String() string {
	if s.Preempted {
		return string(rune(s.Letter)) + "+"
	}
	return string(rune(s.Letter))
}
