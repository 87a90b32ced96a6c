package machine

import (
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func diffText(before, after *State, n Namer) []string {
	var out []string
	Diff(before, after, func(c Change) { out = append(out, c.Text(n)) })
	return out
}

type named struct{ Numbers }

func (named) TaskName(t TaskID) string { return []string{"idle", "sh", "cat"}[t] }

func TestDiffSpeaksTheKernelsWords(t *testing.T) {
	tests := []struct {
		name   string
		arch   Arch
		namer  Namer
		before func(*State)
		after  func(*State)
		want   []string
	}{
		{"a loan", Classic, Numbers{},
			func(s *State) { s.CPUs[0].PrevMM, s.Tasks[3].ActiveMM, s.MMs[2].Count = NoMM, 1, 1 },
			func(s *State) { s.CPUs[0].PrevMM, s.Tasks[3].ActiveMM, s.MMs[2].Count = 2, NoMM, 2 },
			[]string{"cpu0 rq->prev_mm: NULL → mm2", "task3->active_mm: mm1 → NULL", "mm2->mm_count: 1 → 2"}},
		{"names of the caller", Classic, named{},
			func(s *State) { s.CPUs[1].Current = NoTask },
			func(s *State) { s.CPUs[1].Current, s.Tasks[1].State = 2, TaskDead },
			[]string{"cpu1 current: NULL → cat", "sh->__state: running → dead"}},
		{"store buffers", ARM64, Numbers{},
			func(s *State) { s.Buffers[1] = EmptyBuffer },
			func(s *State) { s.Buffers[1].Curr, s.Buffers[1].Owed = 3, TaskSetOf(1)|TaskSetOf(3) },
			[]string{"cpu1 rq->curr to others: NULL → task3", "cpu1 user store before membarrier of: {} → {task1,task3}"}},
		{"x86", X86, Numbers{},
			func(s *State) { s.X86[0].LoadedMM = InitMM },
			func(s *State) { s.X86[0].LoadedMM, s.X86[0].Ctxs[1].TLBGen = SwitchingMM, 3 },
			[]string{"cpu0 cpu_tlbstate.loaded_mm: init_mm → LOADED_MM_SWITCHING", "cpu0 cpu_tlbstate.ctxs[1].tlb_gen: 0 → 3"}},
		{"arm64", ARM64, Numbers{},
			func(s *State) { s.ARM64[1].ActiveASID = 0x10001 },
			func(s *State) { s.ARM64[1].ActiveASID, s.ASIDMap[0] = 0, 1<<5 },
			[]string{"cpu1 active_asids: 0x10001 → 0", "asid_map[5]: 0 → 1"}},
		{"a rollover", ARM64, Numbers{},
			func(s *State) { s.ASIDMap[0] = 1<<40 - 1 },
			func(s *State) { s.ASIDMap[0] = 3 },
			[]string{"asid_map in use: 40 → 2"}},
		{"masks", Classic, Numbers{},
			func(s *State) { s.MMCPUMask(2).Set(0) },
			func(s *State) { s.MMCPUMask(2).Set(1); s.MMCPUMask(2).Set(0); s.Ask(1, 0); s.Wakers().Set(1) },
			[]string{"calls pending: 0 → 1", "cpu1 asked by: {} → {0}", "mm2->mm_cpumask: {0} → {0,1}", "wake lists: {} → {1}"}},
		{"a TLB", Classic, Numbers{},
			func(s *State) { s.TLB(1)[0] = TLBEntry{Owner: 2, Seen: SeenUpTo(3)} },
			func(s *State) { s.TLB(1)[0] = TLBEntry{Owner: 2, Seen: Seen{Base: 3, Bits: 1 << 1}} },
			[]string{"cpu1 tlb[0].seen: 1-3 → 1-3,5"}},
		{"a stack", Classic, Numbers{},
			func(s *State) { s.Push(1).Next = 2 },
			func(s *State) { s.Push(1).Next = 3; s.Push(1).PC = 7 },
			[]string{"task1->stack depth: 1 → 2", "task1 stack[0].next: task2 → task3", "task1 stack[1].pc: 0 → 7"}},
		{"life", Classic, Numbers{},
			func(s *State) { s.MMs[1].Alive = NewLife },
			func(s *State) { s.MMs[1].Alive = HasStruct | HasRoot },
			[]string{"mm1->exists: struct+root+tables+users' reference → struct+root"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c := Config{Release: Newest, Arch: tt.arch, CPUs: 2, Tasks: 5, MMs: 4}
			if tt.name == "store buffers" {
				c.Memory = WeakStores
			}
			if tt.arch == ARM64 {
				c.ASIDBits = 8
			}
			before, after := newState(t, c), newState(t, c)
			tt.before(before)
			tt.before(after)
			after = newState(t, c)
			after.CopyFrom(before)
			reset(after)
			tt.after(after)
			slices.Sort(tt.want)
			got := diffText(before, after, tt.namer)
			slices.Sort(got)
			if d := cmp.Diff(tt.want, got); d != "" {
				t.Error(d)
			}
		})
	}
}

// reset empties the stacks, which the cases push again.
func reset(s *State) {
	for t := range s.Tasks {
		for s.Tasks[t].Depth > 0 {
			s.Pop(TaskID(t))
		}
	}
}

// A field without a name would change in silence.
func TestEveryFieldHasAName(t *testing.T) {
	for _, v := range []any{Global{}, CPU{}, Task{}, MM{}, Frame{}, TLBEntry{}, X86CPU{}, X86Context{}, ARM64CPU{}} {
		typ := reflect.TypeOf(v)
		seen := map[string]bool{}
		for i := range typ.NumField() {
			f := typ.Field(i)
			name := f.Tag.Get("name")
			if f.Name != "_" && (name == "" || seen[name]) {
				t.Errorf("%s.%s needs a name of its own", typ, f.Name)
			}
			seen[name] = true
		}
	}
}
