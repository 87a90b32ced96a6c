// Package damage describes what is wrong with a recording, to the person who has it.
package damage

import "fmt"

// Error says that a recording cannot be read beyond some point.
type Error struct {
	Format string // what the file is: "perf.data", "ftrace text"
	Offset int64  // of the first byte that makes no sense
	What   string // what was found there
	Advice string // what the reader of this message can do; may be empty
	Err    error  // the cause, if another error is one
}

func (e *Error) Error() string {
	s := fmt.Sprintf("%s: damaged at byte %d: %s", e.Format, e.Offset, e.What)
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	if e.Advice != "" {
		s += " (" + e.Advice + ")"
	}
	return s
}

func (e *Error) Unwrap() error { return e.Err }
