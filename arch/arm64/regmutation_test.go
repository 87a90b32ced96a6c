package arm64_test

import (
	"fmt"
	"slices"
	"testing"

	"switchyard/machine"
	"switchyard/step"
)

// registerPaths are those that exist with registers on only.
var registerPaths = []string{"switch_to", "cpu_switch_to", "__switch_to", "fpsimd_thread_switch", "fpsimd_restore_current_state",
	"restore_user_registers", "user_registers", "save_user_registers", "copy_thread", "start_thread", "ret_from_fork", "kernel_neon_begin", "kernel_neon_end",
	"do_notify_resume", "fpsimd_preserve_current_state", "fpsimd_flush_thread"}

// impatient ends a schedule where it fails, and not the test.
type impatient struct{ testing.TB }

func (impatient) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (impatient) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// harmless are lines that nothing here can miss, each for a reason.
var harmless = []struct{ label, why string }{
	{"isb", "there is no pipeline"},
	{"msr daifset, #0xf", "TestMaskedBetweenStackAndCurrent misses it"},
	{"debug_switch_state", "looks and changes nothing; TestDebugSwitchState misses it"},
	{"blr x19", "what a kernel thread runs is not simulated; the line looks whether it is the right thing"},
	{"switch_to/x19 to x28 again", "looks and changes nothing"},
	{"user registers", "looks and changes nothing"},
	{"v0 to v31 again", "looks and changes nothing"},
	{"sctlr_user differs", "a condition"},
	{"test_and_clear_thread_flag", "without it the loop before user mode never ends"},
	{"do_notify_resume/fpsimd_restore_current_state", "likewise"},
	{"disable_irq", "the checker's model fpsimd misses it: nothing comes between here"},
	{"enable_irq", "likewise"},
	{"local_daif_mask", "likewise"},
	{"local_daif_restore", "likewise"},
	{"local_irq_disable", "likewise"},
	{"local_irq_enable", "likewise"},
	{"fpsimd_thread_switch/fpsimd_flush_cpu_state", "likewise: it is the variation fpsimd-kernel-state-unnoted"},
	{"fpsimd_preserve_current_state/fpsimd_flush_task_state", "signals need it, which are in that model only"},
	{"memset(fpsimd_state)", "start_thread does it again where all registers are on"},
}

// battery is what registers are tested with elsewhere, as one schedule whose end can be compared.
func battery(r *rig) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	p, _ := r.process(0)
	q, _ := r.process(0)
	r.run(0, p)
	thread := &r.S.ARM64Threads[q]
	thread.SCTLR, thread.BPsDisabled = 1, 1
	for i := range r.S.ARM64Regs {
		r.S.ARM64Regs[i].BCR, r.S.ARM64Regs[i].TFSR = 5, 1
	}
	child := r.fork(0, 1, 0)
	k := r.kthread(0)
	r.run(0, k)
	r.useNEON(0)
	r.run(0, p)
	r.useNEON(0)
	r.preemptNEON(0, p, q)
	r.run(1, child)
	if _, err := r.Execve(1); err != nil {
		return err
	}
	r.run(0, q)
	r.run(1, p)
	r.run(1, r.S.CPUs[1].Idle)
	r.run(0, p)
	r.run(1, q)
	return nil
}

// useNEON has the task that runs on cpu use vector registers in the kernel.
func (r *rig) useNEON(cpu machine.CPUID) {
	r.t.Helper()
	r.Push(cpu, r.Prog.Entry("kernel_neon_end"), machine.Frame{})
	r.do(r.Enter(cpu, "kernel_neon_begin", machine.Frame{}))
}

// Every line of the register paths is needed: without it a rule breaks, or the machine ends up in another state.
func TestRegisterMutations(t *testing.T) {
	for _, rel := range []machine.Release{machine.V4_4, machine.V5_0, machine.V6_1, machine.V7_3} {
		c := machine.Config{Release: rel, CPUs: 2, ASIDBits: 8, Registers: true, Tasks: 10, MMs: 10}
		intact := newRig(t, c)
		if err := battery(intact); err != nil {
			t.Fatal(err)
		}
		intact.ok()
		for _, path := range registerPaths {
			for _, line := range linesOf(intact.Prog, path) {
				if slices.ContainsFunc(harmless, func(h struct{ label, why string }) bool {
					return h.label == line.Label || h.label == path+"/"+line.Label
				}) {
					continue
				}
				if rel >= machine.V7_3 && path == "copy_thread" && line.Label == "fpsimd_flush_task_state" {
					continue // the parent has flushed its own notes before they were copied
				}
				mutant, err := intact.Prog.Without(path, line.Label)
				if err != nil {
					continue // a condition; the steps below it are lines of their own
				}
				r := newRig(t, c)
				r.Prog, r.t = mutant, impatient{t}
				err = battery(r)
				if err == nil && len(r.broken()) == 0 && r.S.Equal(intact.S) {
					t.Errorf("%s: nobody misses %s in %s", rel, line.Label, path)
				}
			}
		}
	}
}

func linesOf(p *step.Program, path string) []step.Line {
	for _, q := range p.Paths() {
		if q.Name == path {
			return slices.DeleteFunc(q.Lines(), func(l step.Line) bool { return l.Kind == step.LineElse || l.Kind == step.LineReturn })
		}
	}
	return nil
}
