package check

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// A quiet step touches nothing that others could read or write at that point: its own frame, its own
// registers, a task that nobody else knows yet, what the run-queue lock that it holds protects; or it is
// the release of a lock, which can only let others go on. Whatever others may do before it they may do
// after it, with the same outcome. So where a CPU stands at one, nothing is lost if it goes on at once.
//
// What is said here is checked: a test takes every quiet step that small models come to and everything
// that could happen instead, in both orders, and wants one outcome; and reduced and full searches must
// agree.
type quiet uint8

const (
	loud     quiet = iota
	irqsOff        // quiet while no interrupt can come
	pinned         // also with interrupts on: no handler looks at what it touches; but its task must not be preempted
	anywhere       // also when its task may be preempted: it touches what is the task's alone
)

// quietLabels says how quiet steps are, path by path. A label holds for all releases that have it.
var quietLabels = map[quiet]map[string][]string{
	irqsOff: {
		"__schedule": {"smp_mb__after_spinlock", "prev_state", "pick_next_task", "trace_sched_switch", "rq->curr = next", "RCU_INIT_POINTER(rq->curr, next)",
			"raw_spin_rq_unlock_irq", "rq_unlock_irq", "raw_spin_unlock_irq(&rq->lock)", "spin_unlock_irq(&rq->lock)"},
		"context_switch": {"trace_sched_switch", "prev->active_mm", "next->active_mm = oldmm", "next->active_mm = prev->active_mm", "prev->active_mm = NULL",
			"rq->prev_mm = oldmm", "rq->prev_mm = prev->active_mm", "membarrier_switch_mm", "switch_mm_cid", "mm_cid_switch_to", "switch_to"},
		"prepare_task_switch":           {"prepare_lock_switch", "prepare_task"},
		"__switch_to":                   {"__switch_to", "fpsimd_thread_switch", "tls_thread_switch", "debug_switch_state", "dsb(ish)", "switch_fpu_prepare", "update_task_stack"},
		"fpsimd_thread_switch":          {"fpsimd_save_state", "fpsimd_save", "fpsimd_save_kernel_state", "fpsimd_save_user_state", "fpsimd_flush_cpu_state", "fpsimd_load_kernel_state", "TIF_FOREIGN_FPSTATE"},
		"user_registers":                {"user registers", "user code"},
		"finish_task_switch":            {"mm = rq->prev_mm", "finish_lock_switch", "finish_arch_switch"},
		"exec_mmap":                     {"active_mm = tsk->active_mm", "tsk->active_mm = mm", "tsk->mm = mm", "local_irq_enable"},
		"try_to_wake_up":                {"set_task_cpu", "ttwu_do_activate", "raw_spin_unlock_irqrestore(&p->pi_lock)"},
		"sched_ttwu_pending":            {"local_irq_enable"},
		"wake_up_new_task":              {"activate_task", "raw_spin_unlock_irqrestore(&p->pi_lock)"},
		"move_queued_task":              {"activate_task", "raw_spin_unlock_irqrestore(&p->pi_lock)"},
		"flush_smp_call_function_queue": {"local_irq_enable"},
	},
	pinned: {
		"schedule":           {"preempt_disable", "sched_preempt_enable_no_resched"},
		"schedule_tail":      {"preempt_enable", "preempt_count = 0"},
		"__schedule":         {"rq->curr", "local_irq_disable", "smp_mb__before_spinlock"},
		"finish_task_switch": {"membarrier_mm_sync_core_before_usermode"},
		"exec_mmap":          {"task_unlock", "membarrier_exec_mmap", "local_irq_disable"},
		"exit_mm":            {"smp_mb__after_spinlock", "task_unlock", "local_irq_disable"},
		"kthread_use_mm":     {"task_unlock", "local_irq_disable"},
		"kthread_unuse_mm":   {"smp_mb__after_spinlock", "task_unlock", "local_irq_disable"},

		"fpsimd_restore_current_state":  {"test_and_clear_thread_flag", "task_fpsimd_load", "fpsimd_bind_task_to_cpu"},
		"fpsimd_preserve_current_state": {"fpsimd_save_state", "fpsimd_save", "fpsimd_save_user_state", "fpsimd_flush_task_state"},
		"fpsimd_flush_thread":           {"memset(fpsimd_state)", "fpsimd_flush_task_state"},
		"kernel_neon_begin":             {"fpsimd_save_state", "fpsimd_save", "fpsimd_save_user_state", "fpsimd_flush_cpu_state", "v0 to v31"},
		"kernel_neon_end":               {"v0 to v31 again"},
	},
	anywhere: {
		"exit_mm":          {"mm = current->mm", "BUG_ON(mm != current->active_mm)"},
		"kthread_use_mm":   {"current"},
		"kthread_unuse_mm": {"mm = tsk->mm"},
		"init_new_context": {"pgd_ctor", "init_new_context", "mm->context.tlb_gen = 0"},
		"copy_process":     {"copy_thread"},
		"copy_mm":          {"current->mm", "tsk->mm = tsk->active_mm = mm"},
		"dup_mm":           {"memcpy(mm, oldmm)"},
	},
}

// ifQueued are steps of the end of a switch that nobody waits for while prev stays on its queue: a waker
// then needs the lock that is still held.
var ifQueued = map[string][]string{
	"finish_task_switch": {"prev_state = prev->state", "finish_task", "finish_lock_switch (on_cpu)"},
}

// quietSteps says how quiet each step of a program is, and which are so only while prev is queued.
func quietSteps(p *step.Program) (at []quiet, queued []bool) {
	at, queued = make([]quiet, p.Len()), make([]bool, p.Len())
	for pc := range uint32(p.Len()) {
		in := p.At(pc)
		if in.Path == nil || !in.IsStep() {
			continue
		}
		for how, paths := range quietLabels {
			if slices.Contains(paths[in.Path.Name], in.Label) {
				at[pc] = how
			}
		}
		// Up to 2.6.33 a waker may hold the lock of the queue that the task has just left (0970d2992dfd).
		if _, last := in.Path.Range(); in.Label == "prev_state" && last < machine.V4_4 {
			at[pc] = loud
		}
		if slices.Contains(ifQueued[in.Path.Name], in.Label) {
			at[pc], queued[pc] = irqsOff, true
		}
	}
	return at, queued
}

// readByGlobal are quiet steps that store what GLOBAL_EXPEDITED looks at.
var readByGlobal = map[string]string{"context_switch": "membarrier_switch_mm"}

// notQuietForGlobal takes back what is said of those.
func notQuietForGlobal(p *step.Program, at []quiet) {
	for pc := range at {
		if in := p.At(uint32(pc)); in.Path != nil && in.Label != "" && readByGlobal[in.Path.Name] == in.Label {
			at[pc] = loud
		}
	}
}

// draining are quiet steps that empty the CPU's store buffer, or forget what it fetched ahead. They are quiet
// no longer where it has something in it that others look at.
var draining = map[string][]string{
	"__schedule":         {"smp_mb__after_spinlock", "smp_mb__before_spinlock"},
	"context_switch":     {"switch_mm_cid"},
	"__switch_to":        {"dsb(ish)"},
	"finish_task_switch": {"finish_task", "membarrier_mm_sync_core_before_usermode"},
	"exec_mmap":          {"membarrier_exec_mmap"},
	"exit_mm":            {"smp_mb__after_spinlock"},
	"kthread_unuse_mm":   {"smp_mb__after_spinlock"},
}

// drainKind is what a quiet step does to store buffers.
type drainKind uint8

const (
	drainsNone drainKind = iota
	drainsOwn            // draining
	drainsLeft           // prepare_task: the buffers of CPUs that have left the task to be run
)

func drainingSteps(p *step.Program) []drainKind {
	at := make([]drainKind, p.Len())
	for pc := range uint32(p.Len()) {
		switch in := p.At(pc); {
		case in.Path == nil || !in.IsStep():
		case slices.Contains(draining[in.Path.Name], in.Label):
			at[pc] = drainsOwn
		case in.Path.Name == "prepare_task_switch":
			at[pc] = drainsLeft
		}
	}
	return at
}

// drains reports whether the step at which cpu stands takes something out of a store buffer.
func (k *walker) drains(cpu machine.CPUID, f *machine.Frame) bool {
	if k.w.drains == nil {
		return false
	}
	switch k.w.drains[f.PC] {
	case drainsOwn:
		return !k.now.Buffers[cpu].Settled()
	case drainsLeft:
		return k.now.Leaves(f.Next)
	}
	return false
}

// atQuiet reports whether cpu stands at a quiet step.
func (k *walker) atQuiet(cpu machine.CPUID) bool {
	c := &k.now.CPUs[cpu]
	f := k.now.Top(c.Stack)
	if f == nil {
		return false
	}
	if k.drains(cpu, f) {
		return false
	}
	switch k.w.quiet[f.PC] {
	case loud:
		return false
	case irqsOff:
		return c.IRQOff && (!k.w.queued[f.PC] || k.now.Tasks[f.Prev].OnRQ == machine.OnRQQueued)
	case pinned:
		return c.IRQOff || c.Preempt != 0 || f.N != 0 && !k.w.calm(f.PC)
	}
	return true
}

// goOn takes the quiet steps that follow an action of cpu, as long as each has one outcome.
func (k *walker) goOn(cpu machine.CPUID) {
	for k.m.ViolationCount == 0 && k.atQuiet(cpu) && k.m.Outcomes(cpu) == 1 {
		k.m.Step(cpu, 0)
	}
}

// listQuiet finds a CPU at a quiet step with several outcomes: nothing but these need be looked at.
func (k *walker) listQuiet() bool {
	for i := range k.now.CPUs {
		cpu := machine.CPUID(i)
		if n := k.m.Outcomes(cpu); n > 0 && k.atQuiet(cpu) {
			for o := range n {
				k.add(action{do: takeStep, cpu: cpu, n: int32(o)})
			}
			return true
		}
	}
	return false
}
