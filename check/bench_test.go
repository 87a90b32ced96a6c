package check

import (
	"context"
	"testing"

	"switchyard/machine"
)

// BenchmarkSearch is the rate of generated states, all cores at work, with all reductions and with none but
// the normal form.
func BenchmarkSearch(b *testing.B) {
	for _, plain := range []bool{false, true} {
		name := "reduced"
		if plain {
			name = "plain"
		}
		b.Run(name, func(b *testing.B) {
			m, err := FindModel("context-switch")
			if err != nil {
				b.Fatal(err)
			}
			w, err := m.Build(Setup{Release: machine.Newest, NoReduction: plain, Actions: []string{"preempt", "sleep", "exec", "exit"}})
			if err != nil {
				b.Fatal(err)
			}
			var generated, distinct uint64
			var bytes float64
			for b.Loop() {
				r := Search(context.Background(), w, Options{Memory: 512 << 20})
				generated, distinct, bytes = generated+r.Generated, distinct+r.Distinct, r.Bytes
			}
			b.ReportMetric(float64(generated)/b.Elapsed().Seconds()/1e6, "Mstates/s")
			b.ReportMetric(float64(distinct)/float64(b.N), "distinct")
			b.ReportMetric(bytes, "bytes/state")
		})
	}
}
