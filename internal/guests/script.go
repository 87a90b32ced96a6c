package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// counts is what perf itself says is in a recording.
type counts struct {
	Events   map[string]int // by name, without the "sched:"
	Switches map[int]int    // by CPU
	Names    []string       // every task's name
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
	scriptLine = regexp.MustCompile(`^\s*(.*?)\s+-?\d+\s+\[(\d+)\]\s+[\d.]+:\s+sched:(\w+):\s(.*)$`)
	pidFields  = regexp.MustCompile(` prev_pid=(\d+) .* next_pid=(\d+) `)
	ownRecord  = regexp.MustCompile(`: PERF_RECORD_(\w+)(.*)$`)
	commRecord = regexp.MustCompile(`^(?: exec)?: (.*):\d+/\d+$`)
	nameFields = regexp.MustCompile(`\b(?:prev_|next_|parent_|child_)?comm=(.*?) (?:prev_|next_|parent_|child_)?pid=`)
)

// placeholder is what perf prints for a task without a name. The last events of an exiting task are such: it has given back
// its number already, and the event's header says -1. The fields of the event name it all the same.
var placeholder = regexp.MustCompile(`^:-?\d+$`)

func countScript(r io.Reader) (counts, error) {
	c := counts{Events: map[string]int{}, Switches: map[int]int{}}
	names := map[string]bool{}
	running := map[int]string{}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if record := ownRecord.FindStringSubmatch(lines.Text()); record != nil {
			c.addRecord(record[1], record[2], names)
		} else if fields := scriptLine.FindStringSubmatch(lines.Text()); fields != nil {
			c.addEvent(fields[1], fields[3], fields[4], names)
			if fields[3] == "sched_switch" {
				c.addSwitch(fields[2], fields[4], running)
			}
		} else {
			return c, fmt.Errorf("perf script printed a line that is no event: %q", lines.Text())
		}
	}
	c.Names = slices.Sorted(maps.Keys(names))
	if err := lines.Err(); err != nil {
		return c, err
	}
	if len(c.Events) == 0 {
		return c, errors.New("the recording holds no event")
	}
	return c, nil
}

func (c *counts) addRecord(kind, text string, names map[string]bool) {
	if strings.HasPrefix(kind, "LOST") {
		c.Lost++
	}
	if comm := commRecord.FindStringSubmatch(text); kind == "COMM" && comm != nil {
		names[comm[1]] = true
	}
}

func (c *counts) addEvent(task, event, text string, names map[string]bool) {
	c.Events[event]++
	if !placeholder.MatchString(task) {
		names[task] = true
	}
	for _, name := range nameFields.FindAllStringSubmatch(text, -1) {
		names[name[1]] = true
	}
}

// addSwitch counts a switch and checks that it goes away from the task that the CPU switched to last: a record can be
// missing without perf knowing of it.
func (c *counts) addSwitch(cpu, text string, running map[int]string) {
	number, _ := strconv.Atoi(cpu) // the pattern lets only digits through
	c.Switches[number]++
	pids := pidFields.FindStringSubmatch(text)
	if pids == nil {
		c.Breaks = append(c.Breaks, "a switch without pids: "+text)
		return
	}
	if last, ok := running[number]; ok && last != pids[1] {
		c.Breaks = append(c.Breaks, fmt.Sprintf("CPU %d ran task %s and switched away from task %s", number, last, pids[1]))
	}
	running[number] = pids[2]
}
