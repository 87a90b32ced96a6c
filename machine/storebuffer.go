package machine

import "fmt"

// MemoryOrder says when the stores of a CPU become visible to the others.
type MemoryOrder uint8

const (
	// Sequential makes every store visible at once.
	Sequential MemoryOrder = iota
	// TSO lets a CPU go on while its stores wait in a buffer, which they leave in the order in which they
	// were made: x86.
	TSO
	// WeakStores lets them leave the buffer in any order, as arm64 does. Loads are made in program order.
	WeakStores
)

var memoryNames = [...]string{"sequential", "tso", "weak-stores"}

func (m MemoryOrder) String() string {
	if int(m) < len(memoryNames) {
		return memoryNames[m]
	}
	return fmt.Sprintf("MemoryOrder(%d)", uint8(m))
}

// MaxBufferedTasks is how many tasks a machine with store buffers has room for: each has a bit in those.
const MaxBufferedTasks = 64

// TaskSet is a set of tasks, a bit each.
type TaskSet uint64

// TaskSetOf is the set of one task.
func TaskSetOf(t TaskID) TaskSet { return 1 << uint(t) }

// StoreBuffer is what a CPU has stored and others do not see yet, as far as membarrier counts on it: the
// CPU's rq->curr, the running task's mm, and what user mode stores. The machine itself holds the new
// values, as the CPU that stored them sees them; the buffer holds what everybody else still finds. A second
// store to one place joins the first.
//
// Nothing leaves a buffer by itself. Whoever looks at a place says whether the store has left by then (see
// Looks), and a full barrier empties the buffer. Between two looks it makes no difference when a store
// leaves; and what user mode has stored, whose last reader is the end of a membarrier call, does most harm
// where it stays as long as it can.
type StoreBuffer struct {
	Curr TaskID `name:"rq->curr to others"` // what others find at rq->curr
	MM   MMID   `name:"mm to others"`       // what others find at the mm of Of
	Of   TaskID `name:"mm to others of"`
	User MMID   `name:"user stores"` // the address space that user mode stored to

	// The place of each store in the buffer, from 1; 0 where there is none. With WeakStores all are 1.
	CurrAt uint8 `name:"rq->curr in store buffer"`
	MMAt   uint8 `name:"mm in store buffer"`
	UserAt uint8 `name:"user store in store buffer"`
	_      uint8

	// Fetched is the address space whose code the core may have fetched ahead: it ran in user mode since the
	// last core-serialising instruction.
	Fetched MMID `name:"fetched ahead"`

	// Sets of tasks. A user store in Owed was in the buffer when that task called membarrier. What was
	// fetched ahead in Stale was so when that task called for a serialised core, and in Late its call is over.
	Owed  TaskSet `name:"user store before membarrier of"`
	Stale TaskSet `name:"fetched before membarrier of"`
	Late  TaskSet `name:"fetched before finished membarrier of"`
}

// EmptyBuffer is a StoreBuffer with nothing in it.
var EmptyBuffer = StoreBuffer{Curr: NoTask, MM: NoMM, Of: NoTask, User: NoMM, Fetched: NoMM}

// Buffered reports whether CPUs have store buffers.
func (s *State) Buffered() bool { return len(s.Buffers) != 0 }

// last is the place behind all that is in the buffer.
func (s *State) last(b *StoreBuffer) uint8 {
	if s.Config.Memory == WeakStores {
		return 1
	}
	return max(b.CurrAt, b.MMAt, b.UserAt) + 1
}

// join is the place of a store that joins an earlier one at at, or is the first of its kind: in program
// order it is the last one.
func (s *State) join(b *StoreBuffer, at *uint8) {
	if was := *at; was != 0 {
		*at = 0
		for _, p := range [...]*uint8{&b.CurrAt, &b.MMAt, &b.UserAt} {
			if *p > was {
				*p--
			}
		}
	}
	*at = s.last(b)
}

// StoredCurr says that cpu has just stored to its rq->curr, which was was.
func (s *State) StoredCurr(cpu CPUID, was TaskID) {
	b := &s.Buffers[cpu]
	if b.CurrAt == 0 {
		b.Curr = was
	}
	s.join(b, &b.CurrAt)
}

// StoredMM says that cpu has just stored to the mm of t, which it runs and whose mm was was.
func (s *State) StoredMM(cpu CPUID, t TaskID, was MMID) {
	b := &s.Buffers[cpu]
	if b.MMAt != 0 && b.Of != t {
		s.leave(b, &b.MMAt)
	}
	if b.MMAt == 0 {
		b.MM, b.Of = was, t
	}
	s.join(b, &b.MMAt)
}

// InUserMode reports whether cpu runs code of its current task that works on user memory: user mode, or a
// kernel thread's own function between kthread_use_mm and kthread_unuse_mm.
func (s *State) InUserMode(cpu CPUID) bool {
	c := &s.CPUs[cpu]
	t := &s.Tasks[c.Current]
	return c.Online && !c.InSwitch && t.MM != NoMM && s.Tasks[c.Stack].Depth == 0
}

// UserRan brings the buffer of a CPU up to what its user mode may have done by now: it stores, loads and
// fetches all the time.
func (s *State) UserRan(cpu CPUID) {
	b, t := &s.Buffers[cpu], &s.Tasks[s.CPUs[cpu].Current]
	if t.Kind == UserTask {
		b.Fetched = t.MM
	}
	if b.Owed == 0 {
		b.User = t.MM
		s.join(b, &b.UserAt)
	}
	s.CPUs[cpu].BarrierSinceUser = false
}

// leave has the store at *at leave the buffer, and before it, where the order of stores is kept, those that
// were made earlier.
func (s *State) leave(b *StoreBuffer, at *uint8) {
	n := *at
	gone := func(p *uint8) bool {
		if p != at && (s.Config.Memory == WeakStores || *p > n) {
			if s.Config.Memory != WeakStores {
				*p -= n
			}
			return false
		}
		*p = 0
		return true
	}
	if gone(&b.CurrAt) {
		b.Curr = NoTask
	}
	if gone(&b.MMAt) {
		b.MM, b.Of = NoMM, NoTask
	}
	if gone(&b.UserAt) {
		b.User, b.Owed = NoMM, 0
	}
}

// Drain empties the store buffer of cpu: a full barrier.
func (s *State) Drain(cpu CPUID) {
	b := &s.Buffers[cpu]
	b.CurrAt, b.MMAt, b.UserAt = 0, 0, 0
	b.Curr, b.MM, b.Of, b.User, b.Owed = NoTask, NoMM, NoTask, NoMM, 0
}

// Settled reports whether a barrier, or a core-serialising instruction, would change nothing.
func (b *StoreBuffer) Settled() bool { return *b == EmptyBuffer }

// Release makes what a task stored visible to whoever runs it next, as the store-release of on_cpu does. The
// store to rq->curr, which it makes visible too, may be as late as the release itself: see TakeOver.
func (s *State) Release(cpu CPUID) {
	b := &s.Buffers[cpu]
	if b.MMAt != 0 && (b.CurrAt == 0 || b.MMAt < b.CurrAt || s.Config.Memory == WeakStores) {
		s.leave(b, &b.MMAt)
	}
	if b.UserAt != 0 && (b.CurrAt == 0 || b.UserAt < b.CurrAt || s.Config.Memory == WeakStores) {
		s.leave(b, &b.UserAt)
	}
}

// TakeOver is for a CPU that begins to run t: it has seen that whoever ran t before has let go of it, and with
// that the store to rq->curr that came first.
func (s *State) TakeOver(t TaskID) {
	for i := range s.Buffers {
		if b := &s.Buffers[i]; b.left(t) {
			s.leave(b, &b.CurrAt)
		}
	}
}

func (b *StoreBuffer) left(t TaskID) bool { return b.CurrAt != 0 && b.Curr == t }

// Leaves reports whether some CPU has left t for another task without others knowing it.
func (s *State) Leaves(t TaskID) bool {
	for i := range s.Buffers {
		if s.Buffers[i].left(t) {
			return true
		}
	}
	return false
}

// SerialiseCore has cpu forget what it fetched ahead.
func (s *State) SerialiseCore(cpu CPUID) {
	b := &s.Buffers[cpu]
	b.Fetched, b.Stale, b.Late = NoMM, 0, 0
}

// A Look is one way in which another CPU may find rq->curr->mm of a CPU: each of the two loads finds what is
// in memory, or what was on its way there and has then arrived.
type Look struct{ NewCurr, NewMM bool }

// Looks lists in out the ways in which by may find cpu_rq(cpu)->curr->mm. What others found last comes first.
func (s *State) Looks(by, cpu CPUID) (out [4]Look, n int) {
	for _, newCurr := range [...]bool{false, true} {
		t, ok := s.currAs(by, cpu, newCurr)
		if !ok {
			continue
		}
		if s.mmOnItsWay(by, t) != NoCPU {
			out[n] = Look{newCurr, false}
			n++
		}
		out[n] = Look{newCurr, true}
		n++
	}
	return out, n
}

// currAs is rq->curr of cpu as by finds it; ok says that by may find the old, or the new one.
func (s *State) currAs(by, cpu CPUID, newer bool) (t TaskID, ok bool) {
	if newer {
		return s.CPUs[cpu].Curr, true
	}
	b := &s.Buffers[cpu]
	return b.Curr, by != cpu && b.CurrAt != 0
}

// mmOnItsWay returns in whose buffer, by's own aside, a store to the mm of t waits.
func (s *State) mmOnItsWay(by CPUID, t TaskID) CPUID {
	for i := range s.Buffers {
		if b := &s.Buffers[i]; CPUID(i) != by && b.MMAt != 0 && b.Of == t {
			return CPUID(i)
		}
	}
	return NoCPU
}

// SeeMM is the load of cpu_rq(cpu)->curr->mm by another CPU: what it finds has left the store buffers.
func (s *State) SeeMM(by, cpu CPUID, l Look) MMID {
	t, _ := s.currAs(by, cpu, l.NewCurr)
	if b := &s.Buffers[cpu]; l.NewCurr && by != cpu && b.CurrAt != 0 {
		s.leave(b, &b.CurrAt)
	}
	from := s.mmOnItsWay(by, t)
	if from == NoCPU { // nothing was on its way, or rq->curr brought it along
		return s.Tasks[t].MM
	}
	b := &s.Buffers[from]
	if !l.NewMM {
		return b.MM
	}
	s.leave(b, &b.MMAt)
	return s.Tasks[t].MM
}
