package x86

import "switchyard/kernel"

// Variations lists the breaks of this port in the form that scenarios, the checker and the stepper ask for.
func (Port) Variations() []kernel.Variation {
	var all []kernel.Variation
	for _, b := range Breaks() {
		all = append(all, kernel.Variation{Name: b.Name, What: b.Doc, Breaks: b.Rule, Only: b.Needs, Put: b.Paths})
	}
	return append(all, registerVariations()...)
}
