package trace

import (
	"bytes"
	"math"
)

// ftraceLine is one line of ftrace text in parts:
//
//	bash-1977    (   1977) [000] d..2. 17284.993652: sched_switch: prev_comm=...
//
// The tgid and the column of flags are options of the kernel. A comm may hold anything, "-12 [001] "
// included, so that the parts are found from whichever end is certain.
type ftraceLine struct {
	comm  []byte
	pid   int32
	tgid  int32
	cpu   int32
	time  uint64
	ticks bool // time counts something else than ns
	event []byte
	body  []byte
}

// taskWidth is where the kernel puts the dash behind a comm, which it pads to this width.
const taskWidth = 16

// parse begins behind the comm, where that is certain. Text that went through other hands may be
// aligned differently: there, the first "[cpu]" counts with which the line makes sense.
func (l *ftraceLine) parse(line []byte) bool {
	if len(line) > taskWidth && line[taskWidth] == '-' && l.parseFrom(line, taskWidth) {
		return true
	}
	return l.parseFrom(line, 0)
}

func (l *ftraceLine) parseFrom(line []byte, from int) bool {
	for {
		i := bytes.IndexByte(line[from:], '[')
		if i < 0 {
			return false
		}
		from += i + 1
		if l.parseCPU(line[from:]) && l.parseTask(line[:from-1]) {
			return true
		}
	}
}

// parseCPU reads `001] d..2. 17284.993652: sched_switch: ...`
func (l *ftraceLine) parseCPU(b []byte) bool {
	cpu, n := digits(b)
	if n == 0 || n >= len(b) || b[n] != ']' || cpu > math.MaxInt32 {
		return false
	}
	l.cpu = int32(cpu)
	b = bytes.TrimLeft(b[n+1:], " ")
	if rest, ok := l.parseTime(b); ok {
		l.parseEvent(rest)
		return true
	}
	flags := bytes.IndexByte(b, ' ')
	if flags < 0 || flags > maxFlags {
		return false
	}
	rest, ok := l.parseTime(bytes.TrimLeft(b[flags:], " "))
	l.parseEvent(rest)
	return ok
}

// maxFlags is more than the column of irqs-off, need-resched, context and depths ever was wide.
const maxFlags = 8

// parseTime reads `17284.993652:` or, with a clock that counts, `17284993652:`.
func (l *ftraceLine) parseTime(b []byte) (rest []byte, ok bool) {
	whole, n := digits(b)
	if n == 0 || n >= len(b) {
		return nil, false
	}
	if b[n] == ':' {
		l.time, l.ticks = whole, true
		return b[n+1:], true
	}
	if b[n] != '.' || whole > math.MaxUint64/2_000_000_000 {
		return nil, false
	}
	part, m := digits(b[n+1:])
	end := n + 1 + m
	if m == 0 || m > 9 || end >= len(b) || b[end] != ':' {
		return nil, false
	}
	for ; m < 9; m++ {
		part *= 10
	}
	l.time, l.ticks = whole*1e9+part, false
	return b[end+1:], true
}

// parseEvent reads ` sched_switch: prev_comm=...`. What has no such name, like a line of the function tracer, is left nameless.
func (l *ftraceLine) parseEvent(b []byte) {
	l.event, l.body = nil, nil
	b = bytes.TrimLeft(b, " ")
	if i := bytes.IndexByte(b, ':'); i > 0 && bytes.IndexByte(b[:i], ' ') < 0 {
		l.event, l.body = b[:i], bytes.TrimLeft(b[i+1:], " ")
	}
}

// parseTask reads `   some name-1977    (   1977) ` from its end.
func (l *ftraceLine) parseTask(b []byte) bool {
	b = bytes.TrimRight(b, " ")
	l.tgid = Unknown
	if n := len(b); n > 0 && b[n-1] == ')' {
		open := bytes.LastIndexByte(b, '(')
		if open < 0 {
			return false
		}
		// "(-------)" is how the kernel says that it does not know.
		inside := bytes.TrimLeft(b[open+1:n-1], " ")
		if tgid, digits := digits(inside); digits == len(inside) && digits > 0 {
			l.tgid = int32(min(tgid, math.MaxInt32))
		}
		b = bytes.TrimRight(b[:open], " ")
	}
	dash := bytes.LastIndexByte(b, '-')
	if dash < 0 {
		return false
	}
	pid, n := digits(b[dash+1:])
	if n == 0 || dash+1+n != len(b) || pid > math.MaxInt32 {
		return false
	}
	l.pid = int32(pid)
	l.comm = bytes.TrimLeft(b[:dash], " \t")
	return true
}

// commName is unknown where ftrace had forgotten it, and prints "<...>".
func (l *ftraceLine) commName() CommName {
	switch string(l.comm) {
	case "<...>", "<idle>":
		return CommName{}
	}
	return commName(l.comm)
}

// digits reads an unsigned number of up to 19 digits at the start of b.
func digits(b []byte) (v uint64, n int) {
	for n < len(b) && b[n] >= '0' && b[n] <= '9' {
		if n == 19 {
			return 0, 0
		}
		v = v*10 + uint64(b[n]-'0')
		n++
	}
	return v, n
}
