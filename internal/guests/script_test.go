//go:build linux

package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// script is what perf script prints, shortened.
const script = `         swapper     0 [000]     0.000000: PERF_RECORD_FORK(2:2):(0:0)
       kthreadd     0 [000]     0.000000: PERF_RECORD_COMM: kthreadd:2/2
        swapper     0 [000]     0.000000: PERF_RECORD_FORK(50:50):(2:2)
    kworker/1:1H    50 [000]     0.000000: PERF_RECORD_COMM: kworker/1:1H:50/50
           perf   143 [001]     3.730: PERF_RECORD_COMM exec: mix:143/143
            perf   142 [000]     3.728617: sched:sched_wakeup_new: comm=perf pid=143 prio=120 target_cpu=001
         swapper     0 [001]     3.728931:     sched:sched_switch: prev_comm=swapper/1 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=perf pid next_pid=143 next_prio=120
             :-1    -1 [001]     3.729000:     sched:sched_switch: prev_comm=mix-child prev_pid=143 prev_prio=120 prev_state=X ==> next_comm=kworker/1:1H next_pid=50 next_prio=100
             mix   143 [000]     3.730000: sched:sched_process_fork: comm=mix pid=143 child_comm=mix child_pid=150
`

func TestCountScript(t *testing.T) {
	got, err := countScript(strings.NewReader(script))
	if err != nil {
		t.Fatal(err)
	}
	want := counts{
		Events:   map[string]int{"sched_wakeup_new": 1, "sched_switch": 2, "sched_process_fork": 1},
		Switches: map[int]int{1: 2},
		Others:   []string{"mix", "mix-child", "perf", "perf pid"},
		Names:    []string{"kthreadd", "kworker/1:1H", "mix", "mix-child", "perf", "perf pid", "swapper", "swapper/1"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	if got.Total() != 2 {
		t.Errorf("%d switches in total, want 2", got.Total())
	}
}

func TestCountScriptSeesLosses(t *testing.T) {
	for _, line := range []string{"PERF_RECORD_LOST lost 12", "PERF_RECORD_LOST_SAMPLES lost 3"} {
		got, err := countScript(strings.NewReader(script + "            perf   142 [000]     3.731000: " + line + "\n"))
		if err != nil || got.Lost != 1 {
			t.Errorf("%s: %d losses, %v", line, got.Lost, err)
		}
	}
}

func TestCountScriptRefusesWhatItCannotRead(t *testing.T) {
	for name, text := range map[string]string{"nothing": "", "another format": script + "perf: Segmentation fault\n"} {
		if _, err := countScript(strings.NewReader(text)); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestCountScriptSeesAMissingSwitch(t *testing.T) {
	got, err := countScript(strings.NewReader(script +
		"       mix-child   200 [001]     3.731000:     sched:sched_switch: prev_comm=mix-child prev_pid=200 prev_prio=120 prev_state=X ==> next_comm=mix next_pid=143 next_prio=120\n"))
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"CPU 1 ran task 50 and switched away from task 200"}
	if diff := cmp.Diff(want, got.Breaks); diff != "" {
		t.Errorf("breaks (-want +got):\n%s", diff)
	}
}
