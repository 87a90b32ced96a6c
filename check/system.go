package check

// System is what can be explored. Its states come in a fixed number of pieces; a piece is a string of
// bytes, and two states are equal exactly where all their pieces are. An action changes few pieces, and
// few values of each piece ever occur, hence the engine keeps each value once.
type System interface {
	Pieces() int
	// Walker returns something to walk with. Each worker has its own.
	Walker() Walker
}

// Walker stands on one state of a System and can take one action from there and back. All that it does
// is a function of the state that was loaded.
type Walker interface {
	// Begin stands on the i-th of the states to begin with; it reports whether there is one.
	Begin(i int) bool
	// Load stands on the state that has these pieces. Those that differ does not list are as they were in the
	// state that was loaded before; nil lists all.
	Load(piece func(i int) []byte, differ []int)
	// Actions is how many ways lead on from the state that was loaded.
	Actions() int
	// Do takes one of them. It returns the rule that was broken on the way, if one was.
	Do(i int) *Broken
	// Changed lists the pieces that are others than when the state was loaded. The list is good until the
	// next call of anything.
	Changed() []int
	// Append adds a piece of the state as it is now.
	Append(b []byte, piece int) []byte
	// Is reports whether Append would add that.
	Is(piece int, b []byte) bool
	// Check returns the rule that does not hold in the state as it is now, if there is one. It is asked of
	// every state when it is come upon first, and of known ones too.
	Check() *Broken
	// Undo takes Do back.
	Undo()
}

// Broken is a rule that does not hold.
type Broken struct {
	Rule   string
	Detail string
	CPU    int // -1 where it concerns none
	Path   string
	Step   string
}

// before orders what is found, so that of several equally short ways to break something the same one is
// told on every run.
func (b *Broken) before(o *Broken) bool {
	if b.Rule != o.Rule {
		return b.Rule < o.Rule
	}
	return b.Detail < o.Detail
}
