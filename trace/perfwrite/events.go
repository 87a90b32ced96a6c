package perfwrite

import (
	"fmt"
	"strings"
)

// event is a tracepoint that a recording can hold.
type event struct {
	system, name string
	id           int
	fields       []field
	print        string
}

type field struct {
	decl   string // as C declares it
	offset int
	size   int
	signed int
}

// Positions in events.
const (
	evSwitch = iota
	evWakeup
	evWakeupNew
	evFork
	evExec
	evExit
	evFree
	evMigrate
	evNewTask
)

// The flags of prev_state since Linux 4.14, as its print fmt gives them.
const statePrint = `"prev_comm=%s", REC->prev_comm, (REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1)) ? ` +
	`__print_flags(REC->prev_state & ((((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) - 1), "|", ` +
	`{ 0x00000001, "S" }, { 0x00000002, "D" }, { 0x00000004, "T" }, { 0x00000008, "t" }, { 0x00000010, "X" }, { 0x00000020, "Z" }, { 0x00000040, "P" }, { 0x00000080, "I" }) : "R", ` +
	`REC->prev_state & (((0x00000000 | 0x00000001 | 0x00000002 | 0x00000004 | 0x00000008 | 0x00000010 | 0x00000020 | 0x00000040) + 1) << 1) ? "+" : ""`

// States to switch away with, in the encoding that the formats here describe.
const (
	Running         = 0
	Interruptible   = 1
	Uninterruptible = 2
	Dead            = 0x10
	Zombie          = 0x20
	Idle            = 0x80
	Preempted       = 0x100
)

var wakeupFields = []field{{"char comm[16]", 8, 16, 0}, {"pid_t pid", 24, 4, 1}, {"int prio", 28, 4, 1}, {"int target_cpu", 32, 4, 1}}
var taskFields = []field{{"char comm[16]", 8, 16, 0}, {"pid_t pid", 24, 4, 1}, {"int prio", 28, 4, 1}}

var events = []event{
	evSwitch: {"sched", "sched_switch", 316, []field{
		{"char prev_comm[16]", 8, 16, 0}, {"pid_t prev_pid", 24, 4, 1}, {"int prev_prio", 28, 4, 1}, {"long prev_state", 32, 8, 1},
		{"char next_comm[16]", 40, 16, 0}, {"pid_t next_pid", 56, 4, 1}, {"int next_prio", 60, 4, 1}}, statePrint},
	evWakeup:    {"sched", "sched_wakeup", 318, wakeupFields, `""`},
	evWakeupNew: {"sched", "sched_wakeup_new", 317, wakeupFields, `""`},
	evFork: {"sched", "sched_process_fork", 311, []field{
		{"__data_loc char[] parent_comm", 8, 4, 0}, {"pid_t parent_pid", 12, 4, 1},
		{"__data_loc char[] child_comm", 16, 4, 0}, {"pid_t child_pid", 20, 4, 1}}, `""`},
	evExec: {"sched", "sched_process_exec", 310, []field{
		{"__data_loc char[] filename", 8, 4, 0}, {"pid_t pid", 12, 4, 1}, {"pid_t old_pid", 16, 4, 1}}, `""`},
	evExit: {"sched", "sched_process_exit", 314, taskFields, `""`},
	evFree: {"sched", "sched_process_free", 315, taskFields, `""`},
	evMigrate: {"sched", "sched_migrate_task", 319, []field{
		{"char comm[16]", 8, 16, 0}, {"pid_t pid", 24, 4, 1}, {"int prio", 28, 4, 1}, {"int orig_cpu", 32, 4, 1}, {"int dest_cpu", 36, 4, 1}}, `""`},
	evNewTask: {"task", "task_newtask", 120, []field{
		{"pid_t pid", 8, 4, 1}, {"char comm[16]", 12, 16, 0}, {"unsigned long clone_flags", 32, 8, 0}, {"short oom_score_adj", 40, 2, 1}}, `""`},
}

// commonFields stand in front of every tracepoint's own.
var commonFields = []field{
	{"unsigned short common_type", 0, 2, 0}, {"unsigned char common_flags", 2, 1, 0},
	{"unsigned char common_preempt_count", 3, 1, 0}, {"int common_pid", 4, 4, 1},
}

// format is the event's format file.
func (e *event) format() string {
	var b strings.Builder
	fmt.Fprintf(&b, "name: %s\nID: %d\nformat:\n", e.name, e.id)
	for _, list := range [][]field{commonFields, e.fields} {
		for _, f := range list {
			fmt.Fprintf(&b, "\tfield:%s;\toffset:%d;\tsize:%d;\tsigned:%d;\n", f.decl, f.offset, f.size, f.signed)
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "print fmt: %s\n", e.print)
	return b.String()
}

// What the files of the ring buffer's own layout say. Nothing here is laid out so, but perf does not
// open a recording in which they are empty.
const (
	headerPage = "\tfield: u64 timestamp;\toffset:0;\tsize:8;\tsigned:0;\n\tfield: local_t commit;\toffset:8;\tsize:8;\tsigned:1;\n" +
		"\tfield: int overwrite;\toffset:8;\tsize:1;\tsigned:1;\n\tfield: char data;\toffset:16;\tsize:4080;\tsigned:1;\n"
	headerEvent = "# compressed entry header\n\ttype_len    :    5 bits\n\ttime_delta  :   27 bits\n\tarray       :   32 bits\n"
)

// tracingData is the part of the tracing directory that a recording carries.
func tracingData() []byte {
	b := []byte("\x17\x08\x44tracing0.6\x00\x00\x08")
	b = le.AppendUint32(b, 4096)
	for _, f := range []struct{ name, text string }{{"header_page\x00", headerPage}, {"header_event\x00", headerEvent}} {
		b = append(b, f.name...)
		b = append(le.AppendUint64(b, uint64(len(f.text))), f.text...)
	}
	b = le.AppendUint32(b, 0) // formats of ftrace itself
	systems := []string{"sched", "task"}
	b = le.AppendUint32(b, uint32(len(systems)))
	for _, system := range systems {
		b = appendSystem(b, system)
	}
	b = le.AppendUint32(b, 0)    // kallsyms
	b = le.AppendUint32(b, 0)    // printk formats
	return le.AppendUint64(b, 0) // saved command lines
}

func appendSystem(b []byte, system string) []byte {
	var formats []string
	for i := range events {
		if events[i].system == system {
			formats = append(formats, events[i].format())
		}
	}
	b = append(append(b, system...), 0)
	b = le.AppendUint32(b, uint32(len(formats)))
	for _, f := range formats {
		b = le.AppendUint64(b, uint64(len(f)))
		b = append(b, f...)
	}
	return b
}

// FormatFiles are the formats of all events here, by their paths in a tracing directory.
func FormatFiles() map[string]string {
	files := map[string]string{}
	for i := range events {
		files["events/"+events[i].system+"/"+events[i].name+"/format"] = events[i].format()
	}
	return files
}
