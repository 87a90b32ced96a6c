package trace

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
)

// ftrace reads the text of the tracing directory's trace and trace_pipe files. The kernel has
// merged the CPUs already, so lines are given in the order in which they stand.
type ftrace struct {
	about  Meta
	lost   Losses
	in     *bufio.Reader
	offset int64 // of the next line
	given  uint64
	timed  bool   // an event's time has been seen
	values values // of the line being decoded
}

// maxLine is far above the page that the kernel allows an event.
const maxLine = 64 << 10

// openFtrace is nil for what is no ftrace text.
func openFtrace(s stream, head []byte) source {
	if !looksLikeFtrace(head) {
		return nil
	}
	return &ftrace{
		about: Meta{Format: FtraceText, Tool: "ftrace"},
		in:    bufio.NewReaderSize(s.r, maxLine),
	}
}

// looksLikeFtrace wants the header's first line or any line of the text's form.
func looksLikeFtrace(head []byte) bool {
	if bytes.HasPrefix(head, []byte("# tracer:")) {
		return true
	}
	for line := range bytes.Lines(head) {
		var l ftraceLine
		if l.parse(line) || isLostLine(line) {
			return true
		}
	}
	return false
}

func (f *ftrace) meta() *Meta     { return &f.about }
func (f *ftrace) losses() *Losses { return &f.lost }
func (f *ftrace) close()          {}

func (f *ftrace) next(e *Event) error {
	for {
		line, offset, err := f.line()
		if err != nil {
			return err
		}
		*e = blank
		e.Offset = offset
		if f.decode(line, e) {
			return nil
		}
	}
}

// line gives the next line without its end.
func (f *ftrace) line() ([]byte, int64, error) {
	offset := f.offset
	line, err := f.in.ReadSlice('\n')
	f.offset += int64(len(line))
	switch {
	case err == nil:
		return bytes.TrimSuffix(line[:len(line)-1], []byte("\r")), offset, nil
	case errors.Is(err, bufio.ErrBufferFull):
		f.lost.undecoded(offset, "a line of more than %d bytes", maxLine)
		return nil, offset, f.skipLine()
	case errors.Is(err, io.EOF) && len(line) > 0:
		return nil, offset, &DamageError{Format: string(FtraceText), Offset: offset,
			What: fmt.Sprintf("the text ends inside a line, %q", line[:min(len(line), 60)])}
	}
	return nil, offset, err
}

func (f *ftrace) skipLine() error {
	for {
		part, err := f.in.ReadSlice('\n')
		f.offset += int64(len(part))
		if !errors.Is(err, bufio.ErrBufferFull) {
			return err
		}
	}
}

// decode turns a line into an event. It says false if the line is none.
func (f *ftrace) decode(line []byte, e *Event) bool {
	var l ftraceLine
	switch {
	case len(line) == 0:
		return false
	case line[0] == '#':
		f.comment(line)
		return false
	case l.parse(line):
		return f.decodeEvent(&l, line, e)
	case isLostLine(line):
		return f.decodeLost(line, e)
	case bytes.HasPrefix(line, []byte(" => ")), bytes.HasPrefix(line, []byte("=> ")):
		f.lost.Ignored++ // a line of a stack trace
		return false
	}
	f.lost.undecoded(e.Offset, "no line of ftrace text: %q", line[:min(len(line), 60)])
	return false
}

func (f *ftrace) decodeEvent(l *ftraceLine, line []byte, e *Event) bool {
	f.noteClock(l)
	decode := ftraceEvents[string(l.event)]
	if decode == nil {
		f.lost.Ignored++
		return false
	}
	f.values.rest = l.body
	e.Time, e.CPU = l.time, l.cpu
	e.Current = Task{PID: l.pid, TGID: l.tgid, Comm: l.commName()}
	if !decode(&f.values, e) {
		f.lost.undecoded(e.Offset, "%s without the values it should have: %q", l.event, line[:min(len(line), 200)])
		return false
	}
	if e.Time < f.given {
		f.lost.Disordered++
	}
	f.given = max(f.given, e.Time)
	return true
}

// noteClock tells nanoseconds from ticks. Which clock was chosen in trace_clock does not stand in the text.
func (f *ftrace) noteClock(l *ftraceLine) {
	if !f.timed && l.ticks {
		f.about.Clock = "ticks (trace_clock counter or x86-tsc)"
	}
	f.timed = true
}

var writtenMark = []byte("# entries-in-buffer/entries-written: ")

// comment reads "# entries-in-buffer/entries-written: 140/250   #P:4", the one comment that counts something.
func (f *ftrace) comment(line []byte) {
	rest, found := bytes.CutPrefix(line, writtenMark)
	if !found {
		return
	}
	kept, n := leadingInt(rest)
	if n < len(rest) && rest[n] == '/' {
		if written, m := leadingInt(rest[n+1:]); m > 0 && written > kept {
			f.lost.Overwritten = uint64(written - kept)
		}
	}
	if _, cpus, found := bytes.Cut(rest, []byte("#P:")); found {
		online, _ := leadingInt(cpus)
		f.about.Online = int(online)
	}
}

var lostMark, lostUncounted = []byte(" [LOST "), []byte(" [LOST EVENTS]")

// isLostLine recognizes "CPU:1 [LOST 245 EVENTS]" and "CPU:1 [LOST EVENTS]".
func isLostLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte("CPU:")) && bytes.Contains(line, lostMark)
}

func (f *ftrace) decodeLost(line []byte, e *Event) bool {
	e.Kind, e.Time = Lost, f.given
	cpu, _ := leadingInt(line[len("CPU:"):])
	e.CPU = int32(cpu)
	if bytes.Contains(line, lostUncounted) {
		f.lost.DropsUncounted++
		return true
	}
	_, count, _ := bytes.Cut(line, lostMark)
	n, digits := leadingInt(count)
	if digits == 0 {
		f.lost.undecoded(e.Offset, "lost events without a number: %q", line)
		return false
	}
	e.Count = uint64(n)
	f.lost.Dropped += e.Count
	return true
}

// leadingInt reads the digits, behind a sign or not, at the start of b, and says how many bytes they are.
func leadingInt(b []byte) (v int64, n int) {
	for n < len(b) && (b[n] >= '0' && b[n] <= '9' || n == 0 && b[n] == '-') {
		n++
	}
	v, err := strconv.ParseInt(string(b[:n]), 10, 64)
	if err != nil {
		return 0, 0
	}
	return v, n
}
