package report_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"switchyard/machine"
	"switchyard/replay"
	"switchyard/report"
	"switchyard/trace"
	"switchyard/trace/perfwrite"
)

// BenchmarkReplayPerfData is the whole job: a perf.data of a million switches from the disk, through the
// reader and the machine to the report. Mevents/cpu-s is by the time that this process had a CPU, for
// machines that have other work too; peak-MiB is the most memory that it ever had.
func BenchmarkReplayPerfData(b *testing.B) {
	const switches = 1_000_000
	for _, cpus := range []int{2, 64} {
		path := filepath.Join(b.TempDir(), "million.perf.data")
		writeLoad(b, path, perfwrite.Load{CPUs: cpus, Switches: switches})
		b.Run("perf sched timehist/"+strconv.Itoa(cpus)+"cpus", func(b *testing.B) { timehist(b, path, switches) })
		for _, arch := range []machine.Arch{machine.X86, machine.ARM64, machine.Classic} {
			b.Run(arch.String()+"/"+strconv.Itoa(cpus)+"cpus", func(b *testing.B) {
				b.ReportAllocs()
				before := cpuSeconds(b)
				for b.Loop() {
					if n := wholeJob(b, path, replay.Options{Arch: &arch}); n != switches {
						b.Fatalf("%d switches replayed of %d", n, switches)
					}
				}
				b.ReportMetric(float64(switches)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
				b.ReportMetric(float64(switches)*float64(b.N)/(cpuSeconds(b)-before)/1e6, "Mevents/cpu-s")
				b.ReportMetric(peakMiB(), "peak-MiB")
			})
		}
	}
}

// timehist has perf read the same file, for comparison: it lists the switches and how long each task ran and waited.
func timehist(b *testing.B, path string, switches int) {
	perf, err := exec.LookPath("perf")
	if err != nil {
		b.Skip("no perf here")
	}
	var seconds, peak float64
	for b.Loop() {
		var complaint strings.Builder
		cmd := exec.Command(perf, "sched", "timehist", "-i", path)
		cmd.Stderr = &complaint
		if err := cmd.Run(); err != nil {
			b.Fatalf("%v: %s", err, complaint.String())
		}
		seconds += (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
		if u, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok {
			peak = max(peak, float64(u.Maxrss)/1024)
		}
	}
	b.ReportMetric(float64(switches)*float64(b.N)/b.Elapsed().Seconds()/1e6, "Mevents/s")
	b.ReportMetric(float64(switches)*float64(b.N)/seconds/1e6, "Mevents/cpu-s")
	b.ReportMetric(peak, "peak-MiB")
}

func writeLoad(tb testing.TB, path string, load perfwrite.Load) {
	tb.Helper()
	f, err := os.Create(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	w, err := perfwrite.New(f, perfwrite.Options{CPUs: load.CPUs})
	if err != nil {
		tb.Fatal(err)
	}
	load.Write(w)
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
}

func wholeJob(tb testing.TB, path string, opts replay.Options) uint64 {
	tb.Helper()
	in, err := trace.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	defer in.Close()
	res, err := replay.Run(context.Background(), in, opts)
	if err != nil {
		tb.Fatal(err)
	}
	if err := report.WriteRunJSON(io.Discard, res); err != nil {
		tb.Fatal(err)
	}
	if err := report.WriteRun(io.Discard, res); err != nil {
		tb.Fatal(err)
	}
	return res.Stats.Switches
}

func cpuSeconds(tb testing.TB) float64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}

// peakMiB reads what Linux keeps about this process; elsewhere it is 0.
func peakMiB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "VmHWM:")
	kB, _, _ := strings.Cut(strings.TrimSpace(after), " ")
	n, _ := strconv.Atoi(kB)
	return float64(n) / 1024
}
