package report

import (
	"fmt"
	"io"
	"strings"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/trace"
)

// WriteRun tells a person what a replay saw. Colours are for Terminal to keep or to take out.
func WriteRun(w io.Writer, r *replay.Result) error {
	var s sheet
	s.header(r)
	s.handOvers(&r.Stats)
	s.loads(r)
	s.tlb(r)
	s.identifiers(r)
	s.spaces(r)
	s.topTasks(r)
	s.topSpaces(r)
	s.violations(r)
	_, err := io.WriteString(w, s.b.String())
	return err
}

func (s *sheet) header(r *replay.Result) {
	in := &r.Input
	s.line(title.Render(in.File), faint.Render("  "+string(in.Format)))
	s.entry("recorded", recorded(in))
	s.entry("machine", machineText(&r.Config))
	s.entry("replayed", fmt.Sprintf("%s, %s of them switches, on %s, in %s", counted(in.Events, "event"), number(in.Switches),
		counted(uint64(in.CPUs), "CPU"), duration(in.Span)))
	for i, line := range losses(in) {
		name := ""
		if i == 0 {
			name = "lost"
		}
		s.entry(name, line)
	}
	s.entry("known", known(&in.Facts))
}

func recorded(in *replay.Input) string {
	m := &in.Recorded
	var parts []string
	if m.Release != "" {
		parts = append(parts, "Linux "+m.Release)
	}
	if m.Arch != "" {
		parts = append(parts, m.Arch)
	}
	if m.Tool != "" {
		parts = append(parts, "by "+m.Tool)
	}
	if len(parts) == 0 {
		return "it does not say on what"
	}
	return strings.Join(parts, ", ")
}

func machineText(c *machine.Config) string {
	parts := []string{"Linux " + c.Release.String() + "'s rules", c.Arch.String(), counted(uint64(c.CPUs), "CPU"), "lazy " + c.Lazy.String()}
	is := func(on bool, name string) {
		if on {
			parts = append(parts, name)
		} else {
			parts = append(parts, "no "+name)
		}
	}
	switch c.Arch {
	case machine.X86:
		is(c.PCID, "PCID")
		is(c.PTI, "PTI")
	case machine.ARM64:
		parts = append(parts, fmt.Sprintf("%d-bit ASIDs", c.ASIDBits))
		is(c.KPTI, "KPTI")
		is(c.CnP, "CnP")
		is(c.PAN, "SW PAN")
	}
	if c.Registers {
		parts = append(parts, "registers run as machine code")
	}
	return strings.Join(parts, ", ")
}

// losses says what is missing, first of all.
func losses(in *replay.Input) []string {
	var lines []string
	if text := in.Losses.String(); text != "" {
		lines = append(lines, alarm.Render(text))
	}
	if in.Skipped > 0 {
		lines = append(lines, alarm.Render(counted(in.Skipped, "event")+" read but left out:"))
		for _, why := range in.Skips {
			lines = append(lines, "  "+why)
		}
	}
	if in.Breaks > 0 {
		lines = append(lines, warning.Render(fmt.Sprintf("%s where a CPU ran another task than its last switch had left there", counted(in.Breaks, "place"))))
	}
	if in.Ended != nil {
		lines = append(lines, alarm.Render("everything after: "+in.Ended.Error()))
	}
	if len(lines) == 0 {
		return []string{good.Render("nothing")}
	}
	return lines
}

func known(f *replay.Facts) string {
	all := f.Exact + f.Derived + f.Unknown
	text := fmt.Sprintf("of %s %s exact, %s derived, ", counted(all, "fact"), withShare(f.Exact, all), withShare(f.Derived, all))
	unknown := withShare(f.Unknown, all) + " unknown"
	if f.Unknown > 0 {
		unknown = warning.Render(unknown)
	}
	return text + unknown
}

func withShare(part, whole uint64) string {
	if part == 0 {
		return "none"
	}
	return fmt.Sprintf("%s (%s)", number(part), share(part, whole))
}

func (s *sheet) handOvers(n *machine.Stats) {
	s.heading("How the CPU changed hands")
	kind := func(label string, count uint64, remark string) {
		s.figure(label, count, share(count, n.Switches), remark)
	}
	kind("user task → user task, same address space", n.UserToSameMM, "nothing to load")
	kind("user task → user task, another one", n.UserToOtherMM, "")
	kind("user task → kernel task", n.UserToKernel, "which borrows")
	kind("kernel task → kernel task", n.KernelToKernel, "the loan goes on")
	kind("kernel task → user task, the one borrowed from", n.KernelToSameMM, "still loaded")
	kind("kernel task → user task, another one", n.KernelToOtherMM, "")
	s.figure("all", n.Switches, "", "")
}

func (s *sheet) loads(r *replay.Result) {
	n := &r.Stats
	s.heading("Address spaces loaded")
	s.figure("page-table roots written", n.Loads, "", "by switches, exec and exit")
	s.figure("not written, thanks to lazy TLB", n.LoadsAvoided, share(n.LoadsAvoided, n.Loads+n.LoadsAvoided), "of what would have been")
	s.figure("mm_count raised and lowered", n.Grabs+n.Drops, "", "atomic operations")
}

func (s *sheet) tlb(r *replay.Result) {
	n := &r.Stats
	s.heading("TLB")
	s.figure("full flushes", n.FullFlushes, "", "of a CPU or of one tag on it")
	s.figure("kept by a tag", n.KeptByTag, share(n.KeptByTag, n.Loads), "of the roots written")
	s.figure("ranged flushes", n.RangedFlushes, "", "")
	s.figure("interrupts to other CPUs", n.IPIs, "", "")
	if r.Config.Arch == machine.X86 {
		s.figure("branch predictor barriers", n.IBPBs, "", "if all were asked for")
		if r.Config.PTI {
			s.figure("user half flushed on the way out", n.UserTableFlushes, "", "")
		}
	}
}

func (s *sheet) identifiers(r *replay.Result) {
	n := &r.Stats
	s.heading("Identifiers")
	s.figure("given out", n.Allocated, "", identifierNames[r.Config.Arch])
	s.figure("found again", n.Reused, share(n.Reused, n.Reused+n.Allocated), "")
	s.figure("rollovers", n.Rollovers, "", "")
}

var identifierNames = [...]string{machine.ARM64: "ASIDs", machine.X86: "PCID slots", machine.Classic: "there are none"}

func (s *sheet) spaces(r *replay.Result) {
	o := &r.Outlived
	s.heading("Address spaces")
	s.figure("existed before", r.ExistedMM, "", "as far as they were seen to run")
	s.figure("created", r.Stats.MMsCreated, "", "by fork and exec")
	s.figure("freed", r.Stats.MMsFreed, "", "")
	s.figure("exist at the end", r.LiveMMs, "", "")
	s.figure("highest mm_count", uint64(max(r.PeakCount, 0)), "", "after a switch")
	s.figure("outlived their last user", o.Count, "", outlivedText(o))
	for i, h := range o.Holders {
		if i == maxHolders {
			s.line("      ", faint.Render(fmt.Sprintf("… and %d more", len(o.Holders)-i)))
			break
		}
		s.figure("    last held by "+h.Who, h.Count, share(h.Count, o.Count), duration(h.Total/h.Count)+" each")
	}
}

// maxHolders is how many who held address spaces last are listed.
const maxHolders = 8

func outlivedText(o *replay.Outlived) string {
	var parts []string
	if o.Ended > 0 {
		parts = append(parts, fmt.Sprintf("by %s each, at most %s", duration(o.Total/o.Ended), duration(o.Longest)))
	}
	if still := o.Count - o.Ended; still > 0 {
		parts = append(parts, fmt.Sprintf("%d to this day", still))
	}
	return strings.Join(parts, "; ")
}

func (s *sheet) topTasks(r *replay.Result) {
	if len(r.Tasks) == 0 {
		return
	}
	s.heading("Tasks that ran longest")
	var rows [][]string
	for _, t := range r.Tasks {
		rows = append(rows, []string{name(t.Comm), id(t.PID), id(t.TGID), t.Kind, t.Fact.String(), number(t.Switches), duration(t.Ran)})
	}
	s.table([]string{"task", "pid", "process", "kind", "address space", "got a CPU", "ran"}, rows, 2)
}

func (s *sheet) topSpaces(r *replay.Result) {
	if len(r.Spaces) == 0 {
		return
	}
	s.heading("Address spaces switched to most")
	var rows [][]string
	for _, m := range r.Spaces {
		rows = append(rows, []string{name(m.Comm), id(m.PID), number(m.Switches), number(m.Loads)})
	}
	s.table([]string{"first had by", "pid", "switched to", "loaded for that"}, rows, 2)
}

func name(comm string) string {
	if comm == "" {
		return "?"
	}
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '·'
		}
		return c
	}, comm)
}

func id(pid int32) string {
	if pid == trace.Unknown {
		return "?"
	}
	return fmt.Sprint(pid)
}

// maxViolations is how many are listed for a person; --json has them all.
const maxViolations = 20

func (s *sheet) violations(r *replay.Result) {
	s.heading("Violations")
	if r.ViolationCount == 0 {
		s.line("  ", good.Render("none"))
		return
	}
	for i, v := range r.Violations {
		if i == maxViolations {
			break
		}
		where := v.Step
		if where == "" {
			where = "after a switch"
		}
		s.line("  ", alarm.Render(left(v.Rule, 4)), fmt.Sprintf(" CPU %d at %d ns (byte %d): ", v.CPU, v.Time, v.Offset), v.Detail, faint.Render("  "+where))
	}
	if more := r.ViolationCount - min(maxViolations, len(r.Violations)); more > 0 {
		s.line("  ", alarm.Render(fmt.Sprintf("… and %s more", number(uint64(more)))))
	}
}
