package record

import (
	"io"
	"time"
)

// Options say what to record.
type Options struct {
	Out     io.Writer     // the file
	Buffer  int           // bytes that the kernel's events may take before they are read; 0: 64 MB
	For     time.Duration // how long; 0: until the context ends
	Command string        // what is run meanwhile, for the file
	Tool    string        // the program and its version, for the file

	// Started is called when every switch is recorded, Progress twice a second from then on.
	Started  func()
	Progress func(Progress)
}

// DefaultBuffer holds about 300,000 switches.
const DefaultBuffer = 64 << 20

// Progress is what was recorded so far.
type Progress struct {
	Elapsed  time.Duration
	Events   uint64
	Switches uint64
	Loads    uint64 // switches to a task whose address space was not the one loaded
	Dropped  uint64 // events that the buffer had no room for
	Gaps     uint64 // switches away from a task that the CPU had not been seen to switch to
	Missed   uint64 // times the kernel did not run a program because it was running already
}

// Result is what a recording ended with.
type Result struct {
	Progress
	Missing []string // optional probes that this kernel does not have
}
