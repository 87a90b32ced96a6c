package trace

import (
	"fmt"
	"strings"
)

// String is one line that says what is known of the event.
func (e *Event) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d.%09d [%s] %s", e.Time/1e9, e.Time%1e9, number(e.CPU), e.Kind)
	switch e.Kind {
	case Switch:
		fmt.Fprintf(&b, " %s %s ==> %s", e.Prev, e.State, e.Next)
	case Waking, Wakeup, WakeupNew:
		fmt.Fprintf(&b, " %s on %s", e.Task, number(e.Target))
	case Fork:
		fmt.Fprintf(&b, " %s by %s", e.Task, e.Parent)
		if e.HasCloneFlags {
			fmt.Fprintf(&b, " flags %#x", e.CloneFlags)
		}
	case Exec:
		fmt.Fprintf(&b, " %s was %s", e.Task, number(e.Old))
	case Migrate:
		fmt.Fprintf(&b, " %s from %s to %s", e.Task, number(e.From), number(e.Target))
	case Lost:
		fmt.Fprintf(&b, " %d", e.Count)
	default:
		fmt.Fprintf(&b, " %s", e.Task)
	}
	if e.ByExec {
		b.WriteString(" by exec")
	}
	if e.Source != Tracepoint {
		fmt.Fprintf(&b, " (%s)", e.Source)
	}
	return b.String()
}

// String is comm:pid/tgid.
func (t Task) String() string {
	return fmt.Sprintf("%s:%s/%s", t.Comm, number(t.PID), number(t.TGID))
}

func number(n int32) string {
	if n == Unknown {
		return "?"
	}
	return fmt.Sprint(n)
}
