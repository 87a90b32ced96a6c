package trace

import (
	"bytes"
	"encoding/binary"
	"io"
	"testing"

	"switchyard/trace/perfwrite"
)

var (
	idle  = perfwrite.Task{Comm: "swapper/0"}
	idle1 = perfwrite.Task{Comm: "swapper/1"}
	alice = perfwrite.Task{PID: 100, TGID: 100, Comm: "alice"}
	bob   = perfwrite.Task{PID: 201, TGID: 200, Comm: "bob"}
)

// twoSwitches is a plain recording for a fault to be added to.
func twoSwitches(w *perfwrite.Writer) {
	w.Switch(1000, 0, idle, alice, perfwrite.Running)
	w.Switch(2000, 0, alice, bob, perfwrite.Interruptible)
}

// record is the header of a record and a body, which may be of another size.
func rawRecord(kind uint32, size uint16, body ...byte) []byte {
	b := binary.LittleEndian.AppendUint32(nil, kind)
	b = binary.LittleEndian.AppendUint16(b, 0)
	b = binary.LittleEndian.AppendUint16(b, size)
	return append(b, body...)
}

// A pathology is a recording with one thing wrong, or odd.
type pathology struct {
	name string
	opts perfwrite.Options
	fill func(w *perfwrite.Writer)
	edit func(data []byte) []byte
}

var pathologies = []pathology{
	{name: "healthy", fill: twoSwitches},
	{name: "every-kind", opts: perfwrite.Options{CPUs: 2}, fill: everyKind},
	{name: "every-kind-pipe", opts: perfwrite.Options{CPUs: 2, Pipe: true}, fill: everyKind},
	{name: "every-kind-zstd", opts: perfwrite.Options{CPUs: 2, Compress: true}, fill: everyKind},
	{name: "empty-data", fill: func(w *perfwrite.Writer) {}},
	{name: "truncated-mid-record", opts: perfwrite.Options{Pipe: true}, fill: twoSwitches, edit: cut(40)},
	{name: "truncated-mid-header", opts: perfwrite.Options{Pipe: true}, fill: twoSwitches, edit: cut(124)},
	{name: "truncated-file", fill: twoSwitches, edit: func(b []byte) []byte { return b[:dataStart(b)+128+60] }},
	{name: "truncated-between-records", fill: twoSwitches, edit: func(b []byte) []byte { return b[:dataStart(b)+128] }},
	{name: "truncated-inside-file-header", fill: twoSwitches, edit: func(b []byte) []byte { return b[:60] }},
	{name: "killed-recorder", fill: twoSwitches, edit: func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[48:], 0)
		return b
	}},
	{name: "truncated-zstd", opts: perfwrite.Options{Pipe: true, Compress: true}, fill: twoSwitches, edit: cut(8)},
	{name: "corrupt-zstd", opts: perfwrite.Options{Pipe: true}, fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Control(rawRecord(81, 16, 0x28, 0xb5, 0x2f, 0xfd, 0xff, 0xff, 0xff, 0xff))
		twoSwitches(w)
	}},
	{name: "size-zero", fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Raw(rawRecord(9, 0))
		twoSwitches(w)
	}},
	{name: "size-below-header", fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Raw(rawRecord(3, 7))
	}},
	{name: "size-beyond-data", fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Raw(rawRecord(3, 4000, 1, 2, 3, 4, 5, 6, 7, 8))
	}},
	{name: "unknown-record-types", fill: func(w *perfwrite.Writer) {
		w.Raw(rawRecord(63, 16, 1, 2, 3, 4, 5, 6, 7, 8))
		twoSwitches(w)
		w.Raw(rawRecord(7000, 8))
	}},
	{name: "tracepoint-without-format", opts: perfwrite.Options{NoFormat: true}, fill: twoSwitches},
	{name: "sample-of-unknown-event", fill: func(w *perfwrite.Writer) {
		w.Raw(rawRecord(9, 16, 0xff, 0xff, 1, 0, 0, 0, 0, 0))
		twoSwitches(w)
	}},
	{name: "sample-shorter-than-layout", fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Raw(rawRecord(9, 16, 12, 0, 0, 0, 0, 0, 0, 0))
	}},
	{name: "sample-raw-shorter-than-format", fill: twoSwitches, edit: func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[dataStart(b)+56:], 20)
		return b
	}},
	{name: "sample-raw-larger-than-record", fill: twoSwitches, edit: func(b []byte) []byte {
		binary.LittleEndian.PutUint32(b[dataStart(b)+56:], 1<<31)
		return b
	}},
	{name: "lost-events", opts: perfwrite.Options{CPUs: 2}, fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Lost(perfwrite.At{Time: 2500, CPU: 0, Current: bob}, 17)
		w.Switch(3000, 0, bob, idle, perfwrite.Zombie)
		w.LostSamples(perfwrite.At{}, 19)
	}},
	{name: "rounds-in-order", opts: perfwrite.Options{CPUs: 2}, fill: rounds(5000, 4000)},
	{name: "rounds-non-monotonic", opts: perfwrite.Options{CPUs: 2}, fill: rounds(5000, 500)},
	{name: "cpus-out-of-order-without-rounds", opts: perfwrite.Options{CPUs: 2, Pipe: true}, fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Switch(1500, 1, idle1, bob, perfwrite.Running)
		w.Switch(1100, 1, bob, idle1, perfwrite.Preempted)
	}},
	{name: "huge-tracing-data-claimed", opts: perfwrite.Options{Pipe: true}, fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Control(rawRecord(66, 12, 0xff, 0xff, 0xff, 0xff))
	}},
	{name: "huge-auxtrace-claimed", opts: perfwrite.Options{Pipe: true}, fill: func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Control(rawRecord(71, 16, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff))
	}},
	{name: "auxtrace-skipped", opts: perfwrite.Options{Pipe: true}, fill: func(w *perfwrite.Writer) {
		w.Control(rawRecord(71, 16, 5, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5))
		twoSwitches(w)
	}},
	{name: "huge-attrs-claimed", fill: twoSwitches, edit: func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[32:], 1<<60)
		return b
	}},
	{name: "data-behind-the-world", fill: twoSwitches, edit: func(b []byte) []byte {
		binary.LittleEndian.PutUint64(b[40:], 1<<63)
		binary.LittleEndian.PutUint64(b[48:], 1<<63)
		return b
	}},
	{name: "big-endian", fill: twoSwitches, edit: func(b []byte) []byte { copy(b, "2ELIFREP"); return b }},
	{name: "version-one", fill: twoSwitches, edit: func(b []byte) []byte { copy(b, "PERFFILE"); return b }},
	{name: "trace-dat", fill: twoSwitches, edit: func([]byte) []byte { return []byte("\x17\x08\x44tracing6\x00") }},
	{name: "no-recording", fill: twoSwitches, edit: func([]byte) []byte { return []byte("Dear diary,\n") }},
	{name: "nothing-at-all", fill: twoSwitches, edit: func([]byte) []byte { return nil }},
}

// everyKind writes one of each record that means something.
func everyKind(w *perfwrite.Writer) {
	parent := perfwrite.Task{PID: 1, TGID: 1, Comm: "init"}
	w.TaskFork(perfwrite.At{}, parent, alice)
	w.TaskComm(perfwrite.At{}, alice, false)
	w.Mmap(perfwrite.At{}, alice, 0x400000, 0x1000, "/bin/alice")
	w.Mmap(perfwrite.At{}, perfwrite.Task{PID: 0, TGID: -1}, 0xffffffff81000000, 0x1000, "[kernel.kallsyms]_text")
	twoSwitches(w)
	at := func(time uint64) perfwrite.At { return perfwrite.At{Time: time, CPU: 0, Current: bob} }
	w.NewTask(at(2100), alice, 0x1200000)
	w.Fork(at(2101), alice)
	w.TaskFork(at(2102), bob, alice)
	w.WakeupNew(at(2103), alice, 1)
	w.Migrate(at(2104), alice, 0, 1)
	w.Exec(at(2105), 200, "/bin/true")
	w.TaskComm(at(2106), bob, true)
	w.Mmap(at(2107), bob, 0x400000, 0x1000, "/bin/true")
	w.Exit(at(2108))
	w.TaskExit(at(2109), parent, bob)
	w.Free(at(2110), alice)
	w.Switch(2111, 0, bob, idle, perfwrite.Dead)
	w.Wakeup(perfwrite.At{Time: 1500, CPU: 1, Current: idle1}, alice, 0)
	w.FinishedRound()
}

// rounds writes two CPUs' buffers twice; the second round begins with the given times.
func rounds(first, second uint64) func(w *perfwrite.Writer) {
	return func(w *perfwrite.Writer) {
		twoSwitches(w)
		w.Switch(1500, 1, idle1, bob, perfwrite.Running)
		w.FinishedRound()
		w.Switch(3000, 0, bob, idle, perfwrite.Running)
		w.FinishedRound()
		w.Switch(first, 0, idle, bob, perfwrite.Running)
		w.Switch(second, 1, bob, idle1, perfwrite.Running)
		w.FinishedRound()
		w.FinishedRound()
	}
}

func cut(n int) func([]byte) []byte { return func(b []byte) []byte { return b[:len(b)-n] } }

// dataStart is where a file's header says that its records begin.
func dataStart(b []byte) uint64 { return binary.LittleEndian.Uint64(b[40:]) }

func (p *pathology) data(tb testing.TB) []byte {
	data := made(tb, p.opts, p.fill)
	if p.edit != nil {
		data = p.edit(data)
	}
	return data
}

func TestPathologies(t *testing.T) {
	for _, p := range pathologies {
		t.Run(p.name, func(t *testing.T) {
			var src io.Reader = bytes.NewReader(p.data(t))
			if p.opts.Pipe {
				src = onlyReader{src}
			}
			checkGolden(t, "testdata/pathology/"+p.name+".golden", story(src))
		})
	}
}
