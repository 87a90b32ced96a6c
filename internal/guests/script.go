//go:build linux

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
)

// counts is what perf itself says is in a recording.
type counts struct {
	Events   map[string]int // by name, without the "sched:"
	Switches map[int]int    // by CPU
	Names    []string       // every task's name
	Others   []string       // the names of tasks that are not the kernel's
	Lost     int            // records that say so
	Breaks   []string       // switches away from a task that was not on that CPU
}

// Total is the number of switches on all CPUs.
func (c counts) Total() int {
	total := 0
	for _, n := range c.Switches {
		total += n
	}
	return total
}

// A line of perf script: the task, the CPU, the time, the event and its fields. Records of perf's own have no event but a
// type; those that name tasks are read too, because perf lists every thread of the system when it starts.
var (
	scriptLine = regexp.MustCompile(`^\s*(.*?)\s+(-?\d+)\s+\[(\d+)\]\s+[\d.]+:\s+sched:(\w+):\s(.*)$`)
	pidFields  = regexp.MustCompile(` prev_pid=(\d+) .* next_pid=(\d+) `)
	nameFields = regexp.MustCompile(`\b(?:prev_|next_|child_)?comm=(.*?) (?:prev_|next_|child_)?pid=(\d+)`)
	ownRecord  = regexp.MustCompile(`: PERF_RECORD_(\w+)(.*)$`)
	commRecord = regexp.MustCompile(`^( exec)?: (.*):\d+/(\d+)$`)
	forkRecord = regexp.MustCompile(`^\(\d+:(\d+)\):\(\d+:(\d+)\)$`)
)

// placeholder is what perf prints for a task without a name. The last events of an exiting task are such: it has given back
// its number already, and the event's header says -1. The fields of the event name it all the same.
var placeholder = regexp.MustCompile(`^:-?\d+$`)

// scriptReader is what has to be known of the lines before in order to read the next.
type scriptReader struct {
	counts
	family  *family
	running map[int]string // by CPU
}

func countScript(r io.Reader) (counts, error) {
	s := scriptReader{
		counts: counts{Events: map[string]int{}, Switches: map[int]int{}},
		family: newFamily(), running: map[int]string{},
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if record := ownRecord.FindStringSubmatch(lines.Text()); record != nil {
			s.addRecord(record[1], record[2])
		} else if fields := scriptLine.FindStringSubmatch(lines.Text()); fields != nil {
			s.addEvent(fields)
		} else {
			return s.counts, fmt.Errorf("perf script printed a line that is no event: %q", lines.Text())
		}
	}
	s.Names, s.Others = sorted(s.family.names), sorted(s.family.others)
	if err := lines.Err(); err != nil {
		return s.counts, err
	}
	if len(s.Events) == 0 {
		return s.counts, errors.New("the recording holds no event")
	}
	return s.counts, nil
}

func (s *scriptReader) addRecord(kind, text string) {
	if strings.HasPrefix(kind, "LOST") {
		s.Lost++
	}
	if fork := forkRecord.FindStringSubmatch(text); kind == "FORK" && fork != nil {
		s.family.forked(fork[1], fork[2])
	}
	if comm := commRecord.FindStringSubmatch(text); kind == "COMM" && comm != nil {
		if comm[1] != "" {
			s.family.executed(comm[3])
		}
		s.family.named(comm[3], comm[2])
	}
}

func (s *scriptReader) addEvent(fields []string) {
	name, task, cpu, event, text := fields[1], fields[2], fields[3], fields[4], fields[5]
	s.Events[event]++
	if !placeholder.MatchString(name) {
		s.family.named(task, name)
	}
	for _, named := range nameFields.FindAllStringSubmatch(text, -1) {
		s.family.named(named[2], named[1])
	}
	if event == "sched_switch" {
		s.addSwitch(cpu, text)
	}
}

// addSwitch counts a switch and checks that it goes away from the task that the CPU switched to last: a record can be
// missing without perf knowing of it.
func (s *scriptReader) addSwitch(cpu, text string) {
	number, _ := strconv.Atoi(cpu) // the pattern lets only digits through
	s.Switches[number]++
	pids := pidFields.FindStringSubmatch(text)
	if pids == nil {
		s.Breaks = append(s.Breaks, "a switch without pids: "+text)
		return
	}
	if last, ok := s.running[number]; ok && last != pids[1] {
		s.Breaks = append(s.Breaks, fmt.Sprintf("CPU %d ran task %s and switched away from task %s", number, last, pids[1]))
	}
	s.running[number] = pids[2]
}
