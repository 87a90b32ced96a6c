package machine

import (
	"fmt"
	"strings"
)

// Text is the change in one line, as in "mm2->mm_count: 1 → 2".
func (c Change) Text(n Namer) string {
	what, before, after := c.Parts(n)
	return what + ": " + before + " → " + after
}

// String is Text with tasks and address spaces by number.
func (c Change) String() string { return c.Text(Numbers{}) }

// Parts is the change in three pieces: what changed, and its value before and after.
func (c Change) Parts(n Namer) (what, before, after string) {
	return c.What(n), c.value(n, c.Before), c.value(n, c.After)
}

// What names the field that changed: "task3->active_mm", "cpu0 rq->prev_mm".
func (c Change) What(n Namer) string {
	switch i := c.Place.Index; c.Place.Kind {
	case OfCPU:
		return fmt.Sprintf("cpu%d %s", i, c.Field)
	case OfTask:
		return n.TaskName(TaskID(i)) + "->" + c.Field
	case OfMM:
		return n.MMName(MMID(i)) + "->" + c.Field
	case OfStack:
		return fmt.Sprintf("%s stack[%d].%s", n.TaskName(TaskID(i)), c.Place.Frame, c.Field)
	}
	return c.Field
}

func (c Change) value(n Namer, v any) string {
	switch v := v.(type) {
	case TaskID:
		if v == NoTask {
			return "NULL"
		}
		return n.TaskName(v)
	case TaskSet:
		return taskSetText(n, v)
	case MMID:
		return mmText(n, v)
	case CPUID:
		if v == NoCPU {
			return "none"
		}
		return fmt.Sprintf("cpu%d", v)
	case bool:
		if v {
			return "1"
		}
		return "0"
	case fmt.Stringer:
		return v.String()
	}
	if c.Hex && fmt.Sprint(v) != "0" {
		return fmt.Sprintf("%#x", v)
	}
	return fmt.Sprint(v)
}

func taskSetText(n Namer, set TaskSet) string {
	var names []string
	for t := TaskID(0); set != 0; t, set = t+1, set>>1 {
		if set&1 != 0 {
			names = append(names, n.TaskName(t))
		}
	}
	return "{" + strings.Join(names, ",") + "}"
}

func mmText(n Namer, m MMID) string {
	switch m {
	case NoMM:
		return "NULL"
	case SwitchingMM:
		return "LOADED_MM_SWITCHING"
	}
	return n.MMName(m)
}

func (l CPUList) String() string {
	s := make([]string, len(l))
	for i, c := range l {
		s[i] = fmt.Sprint(int(c))
	}
	return "{" + strings.Join(s, ",") + "}"
}

// String lists the changes of the set: "1-3,5", or "none".
func (s Seen) String() string {
	var b strings.Builder
	if s.Base > 0 {
		fmt.Fprintf(&b, "1-%d", s.Base)
	}
	for d := range uint32(32) {
		if s.Bits&(1<<d) == 0 {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		fmt.Fprint(&b, s.Base+1+d)
	}
	if b.Len() == 0 {
		return "none"
	}
	return b.String()
}

var lifeNames = [...]string{"struct", "root", "tables", "users' reference"}

// String lists the parts that exist.
func (l Life) String() string {
	var parts []string
	for i, name := range lifeNames {
		if l&(1<<i) != 0 {
			parts = append(parts, name)
		}
	}
	if parts == nil {
		return "nothing"
	}
	return strings.Join(parts, "+")
}

var kindNames = [...]string{"free", "user", "kernel", "idle"}

func (k TaskKind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("TaskKind(%d)", uint8(k))
}

var callNames = [...]string{"none", "flush_tlb_func", "do_shoot_lazy_tlb", "ipi_mb", "ipi_sync_core", "ipi_sync_rq_state"}

// String is the kernel function that the call runs.
func (k CallKind) String() string {
	if int(k) < len(callNames) {
		return callNames[k]
	}
	return fmt.Sprintf("CallKind(%d)", uint8(k))
}
