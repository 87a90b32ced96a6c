package trace

import (
	"bytes"
	"fmt"
	"testing"
)

func BenchmarkFtraceText(b *testing.B) {
	const switches = 100_000
	var text bytes.Buffer
	text.WriteString("# tracer: nop\n#\n")
	for i := range switches {
		fmt.Fprintf(&text, "          worker-%-7d [%03d] d..2. %d.%06d: sched_switch: prev_comm=worker prev_pid=%d prev_prio=120 prev_state=S ==> next_comm=worker next_pid=%d next_prio=120\n",
			100+i%4, i%2, 1000+i/1e6, i%1e6, 100+i%4, 100+(i+2)%4)
	}
	b.ReportAllocs()
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		r, err := NewReader(bytes.NewReader(text.Bytes()))
		if err != nil {
			b.Fatal(err)
		}
		if n := countSwitches(b, r); n != switches {
			b.Fatalf("got %d events, wrote %d", n, switches)
		}
	}
	b.ReportMetric(switches*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
