package replay

// Fact is how a thing that a switch rests on is known.
type Fact uint8

const (
	Exact   Fact = iota // the recording says it
	Derived             // it follows from what the recording says, if the usual holds
	Unknown             // events were lost or the task was never introduced: the usual is assumed
)

var factNames = [...]string{"exact", "derived", "unknown"}

func (f Fact) String() string { return factNames[min(int(f), len(factNames)-1)] }

// Facts counts, for every replayed switch, three facts:
//
//   - the hand-over: which CPU went from whom to whom, which a recorded switch always says;
//   - what prev stood on: its own address space, or the one that was left loaded for it to borrow;
//   - whose address space next has, if any.
//
// The second is as well known as the address space of the last user task on that CPU, and of the
// kernel tasks since. Their sum is three times the number of switches.
type Facts struct {
	Exact, Derived, Unknown uint64
}

// factCounts is Facts while it is counted.
type factCounts [3]uint64

func (c *factCounts) facts() Facts { return Facts{c[Exact], c[Derived], c[Unknown]} }

// weaker is how a conclusion from both is known.
func weaker(a, b Fact) Fact { return max(a, b) }
