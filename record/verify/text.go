package verify

import (
	"fmt"
	"io"
)

// Write tells a person what was found.
func (r *Report) Write(w io.Writer) error {
	p := &printer{w: w}
	p.f("recorded   Linux %s, %s, %d CPUs: %d switches, %d events\n", r.Release, r.Arch, r.CPUs, r.Switches, r.Events)
	p.f("modelled   %s\n", r.Modelled)
	if r.Cut != nil {
		p.f("cut off    %v\n", r.Cut)
	}
	p.f("lost       %d events dropped, %d switches not seen\n", r.Dropped, r.Gaps)
	if r.Rollovers > 0 {
		p.f("rollovers  %d\n", r.Rollovers)
	}
	p.f("\n%-12s %12s %12s %12s %10s\n", "fact", "checked", "predicted", "as interval", "percent")
	r.Each(func(f Fact, t Tally) {
		p.f("%-12s %12d %12d %12d %10.4f\n", f, t.Checked, t.Predicted, t.Interval, t.Percent())
	})
	for i, n := range r.Causes {
		if n == 0 {
			continue
		}
		p.f("\n%s: %d\n", Cause(i).Text(), n)
		for _, m := range r.Mismatches[i] {
			p.f("  %v\n", m)
		}
	}
	for i, v := range r.Violations {
		if i == 0 {
			p.f("\nrules broken on the way: %d\n", len(r.Violations))
		}
		if i < Shown {
			p.f("  %s\n", v)
		}
	}
	return p.err
}

// printer prints until something goes wrong.
type printer struct {
	w   io.Writer
	err error
}

func (p *printer) f(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}
