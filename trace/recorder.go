package trace

import (
	"errors"
	"io"
	"strconv"

	"switchyard/record/tape"
)

// recorder reads the files of `switchyard record`.
type recorder struct {
	in    *tape.Reader
	bytes *counting
	m     Meta
	lost  Losses
	row   tape.Event
	names map[uint32]CommName // by pid; the idle tasks have none
}

// counting counts what was read, which is as near to an event's place as the format has it.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	c.n += int64(n)
	return n, err
}

func openRecorder(in stream) (source, error) {
	bytes := &counting{r: in.r}
	t, err := tape.NewReader(bytes)
	if err != nil {
		return nil, err
	}
	m := t.Meta()
	return &recorder{
		in: t, bytes: bytes, names: map[uint32]CommName{},
		m: Meta{
			Format: RecorderFile, Release: m.Release, Arch: m.Arch, CPUs: m.CPUs, Online: m.Online, Clock: m.Clock,
			Tool: m.Tool, Command: m.Command,
			Events: []string{"sched_switch", "sched_process_fork", "sched_process_exec", "sched_process_exit", "sched_process_free"},
			PCID:   setting(m, "pcid"), PTI: setting(m, "pti"),
		},
	}, nil
}

// setting is what a recording says of something that a machine has or lacks.
func setting(m *tape.Meta, name string) *bool {
	has, err := strconv.ParseBool(m.Config[name])
	if err != nil {
		return nil
	}
	return &has
}

func (r *recorder) meta() *Meta     { return &r.m }
func (r *recorder) losses() *Losses { return &r.lost }
func (r *recorder) close()          {}

func (r *recorder) next(e *Event) error {
	for {
		if err := r.in.Next(&r.row); err != nil {
			var cut *tape.CutError
			if errors.As(err, &cut) {
				return &DamageError{Format: string(RecorderFile), Offset: r.bytes.n, What: cut.Error(), Advice: "what comes before is good", Err: cut}
			}
			return err
		}
		*e = blank
		e.Time, e.CPU, e.Offset = uint64(r.row.Time), int32(r.row.CPU), r.bytes.n
		if r.fill(e) {
			return nil
		}
		r.lost.Ignored++
	}
}

// fill makes an event of a row; false where it is none of ours.
func (r *recorder) fill(e *Event) bool {
	row := &r.row
	prev := Task{PID: int32(row.Prev.PID), TGID: int32(row.Prev.TGID)}
	next := Task{PID: int32(row.Next.PID), TGID: int32(row.Next.TGID)}
	switch row.Kind {
	case tape.Switch:
		e.Kind = Switch
		prev.Comm, next.Comm = r.names[row.Prev.PID], r.names[row.Next.PID]
		e.Prev, e.Next, e.Current, e.State = prev, next, prev, recordedState(row)
	case tape.Fork:
		e.Kind, e.HasCloneFlags = Fork, true
		if row.Next.MM == row.Prev.MM {
			e.CloneFlags = cloneVM
		}
		next.Comm = r.named(row.Next.PID, row.Comm)
		e.Parent, e.Task, e.Current = prev, next, prev
	case tape.Exec:
		e.Kind, e.Old = Exec, int32(row.Arg)
		prev.Comm = r.named(row.Prev.PID, row.Comm)
		e.Task, e.Current = prev, prev
	case tape.Exit:
		e.Kind, e.Task, e.Current = Exit, prev, prev
	case tape.Free:
		e.Kind, e.Task = ProcessFree, prev
		delete(r.names, row.Prev.PID)
	case tape.Rename:
		e.Kind = Comm
		prev.Comm = r.named(row.Prev.PID, row.Comm)
		e.Task = prev
	case tape.Snapshot:
		e.Kind, e.Source, e.CPU = Fork, Synthesized, Unknown
		prev.Comm = r.named(row.Prev.PID, row.Comm)
		e.Task, e.Parent.PID = prev, int32(row.Arg)
	case tape.Lost:
		e.Kind, e.Count, e.CPU = Lost, uint64(row.Arg), Unknown
		r.lost.Dropped += e.Count
	default:
		// A gap is found again by whoever replays the file.
		return false
	}
	return true
}

// cloneVM is CLONE_VM.
const cloneVM = 0x100

func (r *recorder) named(pid uint32, comm string) CommName {
	name := commName([]byte(comm))
	r.names[pid] = name
	return name
}

// The bits of task->__state since 4.14, from the one that decides.
var stateLetters = []struct {
	bits   uint32
	letter byte
}{{0x80, 'X'}, {0x402, 'I'}, {0x1, 'S'}, {0x2, 'D'}, {0x4, 'T'}, {0x8, 't'}, {0x40, 'P'}}

func recordedState(row *tape.Event) State {
	s := State{Raw: uint64(row.Prev.State), HasRaw: true, Letter: 'R', Preempted: row.Preempt}
	if row.Preempt || row.Prev.State == 0 {
		return s
	}
	for _, l := range stateLetters {
		if row.Prev.State&l.bits == l.bits {
			s.Letter = l.letter
			return s
		}
	}
	s.Letter = '?'
	return s
}
