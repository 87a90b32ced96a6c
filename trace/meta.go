package trace

// Format is what a recording is, by its contents.
type Format string

// The formats that can be read.
const (
	PerfFile   Format = "perf.data"
	PerfPipe   Format = "perf.data (pipe)"
	FtraceText Format = "ftrace text"

	// RecorderFile is what `switchyard record` writes.
	RecorderFile Format = "switchyard record"
)

// Meta is what a recording says about itself. Empty or zero: it does not say.
type Meta struct {
	Format  Format
	Release string // of the kernel, as uname -r gives it
	Arch    string
	CPUs    int    // configured
	Online  int    // of those, on line
	Clock   string // what Time counts
	Tool    string // the recorder and its version
	Command string // how it was called
	Events  []string

	PCID, PTI *bool // x86-64: whether the kernel used them; nil where the recording does not say

	Lent bool // it has lost its formats, and WithFormats has lent it some
}
