package replay

import (
	"switchyard/machine"
	"switchyard/step"
)

// Violation is a rule that did not hold, and when.
type Violation struct {
	Rule   string
	CPU    int
	Time   uint64 // ns, of the recorded event that it came with
	Offset int64  // of that event in the file
	Step   string // path/step, or empty where it was found between two
	Detail string
}

// found is told of rules that do not hold after a switch.
func (r *run) found(rule string, cpu machine.CPUID, detail string) {
	r.m.Report(step.Violation{Rule: rule, CPU: cpu, Detail: detail})
}

// collect notes when the newest violations happened.
func (r *run) collect() {
	for _, v := range r.m.Violations[len(r.violations):] {
		w := Violation{Rule: v.Rule, CPU: int(v.CPU), Time: r.now, Offset: r.event.Offset, Step: v.Step, Detail: v.Detail}
		if v.Path != "" {
			w.Step = v.Path + "/" + v.Step
		}
		r.violations = append(r.violations, w)
	}
	r.reported = r.m.ViolationCount
}
