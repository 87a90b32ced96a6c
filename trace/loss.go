package trace

import (
	"fmt"
	"strings"
)

// Losses is what a recording lacks, as far as read. Nothing is left out of a recording without
// being counted here.
type Losses struct {
	// Dropped events the kernel had no room for. Each LOST record, or line, is also given as an event.
	Dropped uint64
	// DroppedSamples is perf's own count at the end of a recording. It counts the same drops as
	// Dropped, but also those that no LOST record came after.
	DroppedSamples uint64
	// DropsUncounted is how often ftrace said that events were lost but not how many.
	DropsUncounted uint64
	// Overwritten events are older than the recording: the ring had come round.
	Overwritten uint64

	// Undecoded records or lines that should have been events, and why the first was none.
	Undecoded      uint64
	FirstUndecoded string
	// UnknownRecords of types that did not exist when this reader was written.
	UnknownRecords uint64
	// Disordered events were older than one already given: the recording's rounds overlap, or more
	// was pending than memory allows.
	Disordered uint64
	// FormatProblems are formats that the recording holds and that make no sense.
	FormatProblems []string

	// Ignored counts what was read and is none of the kinds of an Event. That is no loss.
	Ignored uint64
}

// Total is the number of events known to be missing.
func (l *Losses) Total() uint64 {
	return max(l.Dropped, l.DroppedSamples) + l.Overwritten + l.Undecoded
}

func (l *Losses) undecoded(offset int64, format string, args ...any) {
	l.Undecoded++
	if l.Undecoded == 1 {
		l.FirstUndecoded = fmt.Sprintf("byte %d: ", offset) + fmt.Sprintf(format, args...)
	}
}

// String says what was lost, for a person; it is empty if nothing was.
func (l *Losses) String() string {
	var parts []string
	add := func(n uint64, what string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", n, what))
		}
	}
	add(max(l.Dropped, l.DroppedSamples), "events dropped by the kernel")
	add(l.DropsUncounted, "times an unknown number of events dropped by the kernel")
	add(l.Overwritten, "events overwritten before the recording was read")
	if l.Undecoded > 0 {
		parts = append(parts, fmt.Sprintf("%d events not decoded (the first at %s)", l.Undecoded, l.FirstUndecoded))
	}
	add(l.UnknownRecords, "records of unknown type")
	add(l.Disordered, "events out of order")
	parts = append(parts, l.FormatProblems...)
	return strings.Join(parts, "; ")
}
