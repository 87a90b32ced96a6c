package scenario_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/scenario"
	"switchyard/step"
)

var mutateAll = flag.Bool("mutate-all", false, "spoil every line of every path, not only the rule lines that are listed")

// mutation spoils a line of a path wherever that path has it.
type mutation struct{ kind, path, label string }

func (m mutation) String() string { return m.kind + " " + m.path + "/" + m.label }

func (m mutation) apply(p *step.Program) (*step.Program, bool) {
	spoil := map[string]func(string, string) (*step.Program, error){"without": p.Without, "negate": p.Negate, "swap": p.Swap}[m.kind]
	spoilt, err := spoil(m.path, m.label)
	if err != nil {
		return p, false
	}
	return spoilt, true
}

// ruleLines are the lines without which the switch is wrong: a grab, a drop, an order, a comparison.
// Some orders are free: rq->prev_mm may be set before or after prev->active_mm is cleared, since both
// work on what context_switch read at its beginning. Orders that only another CPU could see are for
// package check, which tries all interleavings.
var ruleLines = []mutation{
	{"without", "context_switch", "mmgrab"},
	{"without", "context_switch", "mmgrab_lazy_tlb"},
	{"without", "context_switch", "rq->prev_mm = oldmm"},
	{"without", "context_switch", "rq->prev_mm = prev->active_mm"},
	{"without", "context_switch", "next->active_mm = oldmm"},
	{"without", "context_switch", "next->active_mm = prev->active_mm"},
	{"without", "context_switch", "prev->active_mm = NULL"},
	{"without", "context_switch", "switch_mm"},
	{"without", "context_switch", "switch_mm_irqs_off"},
	{"without", "context_switch", "enter_lazy_tlb"},
	{"negate", "context_switch", "prev has an mm"},
	{"negate", "context_switch", "prev has no mm"},
	{"negate", "context_switch", "next has no mm"},
	{"without", "prepare_task_switch", "prepare_task"},
	{"without", "finish_task_switch", "mm = rq->prev_mm"},
	{"without", "finish_task_switch", "mmdrop"},
	{"without", "finish_task_switch", "mmdrop_lazy_tlb"},
	{"without", "finish_task_switch", "finish_task"},
	{"without", "finish_task_switch", "finish_lock_switch"},
	{"without", "finish_task_switch", "put_prev_task_struct"},
	{"negate", "finish_task_switch", "a loan is to be repaid"},
	{"negate", "finish_task_switch", "prev is dead"},
	{"without", "put_prev_task_struct", "put_task_stack"},
	{"without", "exit_mm", "mmgrab"},
	{"without", "exit_mm", "mmgrab_lazy_tlb"},
	{"without", "exit_mm", "current->mm = NULL"},
	{"without", "exit_mm", "mmput"},
	{"without", "exec_mmap", "mmdrop"},
	{"without", "exec_mmap", "mmdrop_lazy_tlb"},
	{"without", "exec_mmap", "activate_mm"},
	{"without", "exec_mmap", "tsk->active_mm = mm"},
	{"negate", "exec_mmap", "it had an address space of its own"},
	{"without", "kthread_use_mm", "mmgrab"},
	{"without", "kthread_use_mm", "mmdrop"},
	{"without", "kthread_use_mm", "mmdrop_lazy_tlb"},
	{"without", "kthread_unuse_mm", "mmgrab_lazy_tlb"},
	{"without", "copy_mm", "mmget(oldmm)"},
	{"without", "__mmput", "exit_mmap"},
	{"without", "__mmput", "mmdrop"},
	{"without", "__mmdrop", "mm_free_pgd"},
	{"without", "__mmdrop", "cleanup_lazy_tlbs"},
	{"without", "exit_mmap", "flush_tlb_mm_range"},
	{"without", "unmap_region", "flush_tlb_mm_range"},
	{"without", "dup_mm", "flush_tlb_mm_range"},
	{"without", "finish_cpu", "mmdrop"},
	{"without", "cpu_offline", "mmdrop"},
	{"without", "cpu_online", "mmgrab"},
	{"without", "__schedule", "smp_mb__after_spinlock"},
	{"without", "__schedule", "deactivate_task"},
	{"negate", "__schedule", "prev != next"},
	{"without", "sched_ttwu_pending", "ttwu_do_activate"},

	{"without", "switch_mm", "load_cr3"},
	{"without", "switch_mm_irqs_off", "load_cr3"},
	{"without", "switch_mm_irqs_off", "cpumask_set_cpu(cpu, mm_cpumask(next))"},
	{"negate", "switch_mm_irqs_off", "prev == next"},
	{"without", "flush_tlb_mm_range", "flush_tlb_others"},
	{"without", "flush_tlb_mm_range", "inc_mm_tlb_gen"},
	{"without", "switch_mm_irqs_off", "choose_new_asid"},
	{"without", "check_and_switch_context", "new_context"},
	{"without", "flush_context", "cpumask_setall(&tlb_flush_pending)"},
	{"without", "flush_context", "set_reserved_asid_bits"},
	{"without", "new_context", "check_update_reserved_asid"},
	{"negate", "new_context", "it is pinned"},
	{"without", "mm_release", "try_to_wake_up"},
	{"without", "wait_for_vfork_done", "__set_current_state"},
	{"without", "membarrier_private_expedited", "csd_lock_wait"},
	{"without", "membarrier_private_expedited", "rcu_dereference(cpu_rq(cpu)->curr)"},
	{"negate", "membarrier_private_expedited", "another CPU to look at"},
	{"negate", "membarrier_private_expedited", "not registered"},
	{"without", "exec_mmap", "membarrier_exec_mmap"},
	{"without", "touch_kernel_range", "vmalloc_fault"},
	{"without", "init_new_context", "pgd_ctor"},
}

// shapes are the machines whose paths are looked through for lines.
func shapes() []machine.Config {
	var all []machine.Config
	for _, rel := range machine.Releases() {
		for _, a := range []machine.Arch{machine.Classic, machine.X86, machine.ARM64} {
			for _, lazy := range []machine.LazyMode{machine.LazyRefcount, machine.LazyShootdown} {
				c := machine.Config{Release: rel, Arch: a, Lazy: lazy, CPUs: 2, Tasks: 8, MMs: 8, ASIDBits: 8, PCID: a == machine.X86 && rel >= machine.V5_0}
				if c.Validate() == nil {
					all = append(all, c)
				}
			}
		}
	}
	return all
}

// everyLine lists each step, call and condition of each path once.
func everyLine(t *testing.T) []mutation {
	var all []mutation
	seen := map[mutation]bool{}
	for _, c := range shapes() {
		prog, err := kernel.Link(&c, arch.Port(c.Arch))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range prog.Paths() {
			for _, l := range p.Lines() {
				m := mutation{"without", p.Name, l.Label}
				if l.Kind == step.LineIf || l.Kind == step.LineWhile {
					m.kind = "negate"
				}
				if _, ok := m.apply(prog); ok && !seen[m] {
					seen[m] = true
					all = append(all, m)
				}
			}
		}
	}
	return all
}

// trial is a scenario that a mutant is put through.
type trial struct {
	name string
	src  []byte
}

func trials(t *testing.T) []trial {
	var all []trial
	for _, pattern := range []string{"testdata/traces/*.star", "../scenarios/*.star"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, trial{filepath.Base(file), src})
		}
	}
	choices := make([]byte, 150)
	for i := range choices {
		choices[i] = byte(i * 37 >> 1)
	}
	for i, on := range randomMachines {
		all = append(all, trial{fmt.Sprintf("random %d", i), randomScenario(t, on, choices)})
	}
	return all
}

// caughtBy says which trial notices the mutation; reached is whether any machine had the line.
func caughtBy(m mutation, all []trial) (by string, reached bool) {
	for _, tr := range all {
		opts := scenario.Options{Mutate: func(p *step.Program) (*step.Program, error) {
			spoilt, ok := m.apply(p)
			reached = reached || ok
			return spoilt, nil
		}}
		if _, err := scenario.Run(tr.name, tr.src, opts); err != nil {
			return tr.name, true
		}
	}
	return "", reached
}

// TestMutationsAreCaught spoils one line after the other and sees whether the scenarios and traces notice.
func TestMutationsAreCaught(t *testing.T) {
	list := ruleLines
	switch {
	case *mutateAll:
		list = everyLine(t)
	case raceDetector || testing.Short():
		list = ruleLines[:8]
	}
	all := trials(t)
	missed := make([]string, len(list))
	var wait sync.WaitGroup
	next := make(chan int)
	for range 2 {
		wait.Go(func() {
			for i := range next {
				switch by, reached := caughtBy(list[i], all); {
				case !reached:
					missed[i] = list[i].String() + " (no machine has this line)"
				case by == "":
					missed[i] = list[i].String()
				}
			}
		})
	}
	for i := range list {
		next <- i
	}
	close(next)
	wait.Wait()
	missed = slices.DeleteFunc(missed, func(s string) bool { return s == "" })
	t.Logf("%d of %d mutations caught", len(list)-len(missed), len(list))
	if len(missed) == 0 {
		return
	}
	report := "not caught:\n  " + strings.Join(missed, "\n  ")
	if *mutateAll {
		t.Log(report)
		return
	}
	t.Error(report)
}
