package trace

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"switchyard/trace/perfwrite"
)

// synthetic makes a recording of a load.
func synthetic(tb testing.TB, opts perfwrite.Options, load perfwrite.Load) []byte {
	tb.Helper()
	opts.CPUs = load.CPUs
	return made(tb, opts, load.Write)
}

func made(tb testing.TB, opts perfwrite.Options, fill func(*perfwrite.Writer)) []byte {
	tb.Helper()
	var out perfwrite.Buffer
	w, err := perfwrite.New(&out, opts)
	if err != nil {
		tb.Fatal(err)
	}
	fill(w)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Data
}

// onlyReader hides that a source can be read anywhere.
type onlyReader struct{ io.Reader }

func countSwitches(tb testing.TB, r *Reader) (n int) {
	tb.Helper()
	var e Event
	for {
		err := r.Next(&e)
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			tb.Fatal(err)
		}
		n++
	}
}

func BenchmarkPerfDataSwitches(b *testing.B) {
	const switches = 1 << 19
	for _, c := range []struct {
		name string
		opts perfwrite.Options
		load perfwrite.Load
	}{
		{"file/2cpus", perfwrite.Options{}, perfwrite.Load{CPUs: 2, Switches: switches}},
		{"file/64cpus", perfwrite.Options{}, perfwrite.Load{CPUs: 64, Switches: switches}},
		{"file/norounds", perfwrite.Options{}, perfwrite.Load{CPUs: 2, Switches: switches, NoRounds: true}},
		{"pipe/2cpus", perfwrite.Options{Pipe: true}, perfwrite.Load{CPUs: 2, Switches: switches}},
		{"zstd/2cpus", perfwrite.Options{Compress: true}, perfwrite.Load{CPUs: 2, Switches: switches}},
	} {
		b.Run(c.name, func(b *testing.B) {
			data := synthetic(b, c.opts, c.load)
			b.ReportAllocs()
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				var src io.Reader = bytes.NewReader(data)
				if c.opts.Pipe {
					src = onlyReader{src}
				}
				r, err := NewReader(src)
				if err != nil {
					b.Fatal(err)
				}
				if n := countSwitches(b, r); n != switches {
					b.Fatalf("got %d events, wrote %d", n, switches)
				}
			}
			b.ReportMetric(float64(switches)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
		})
	}
}
