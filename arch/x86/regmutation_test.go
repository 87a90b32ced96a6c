package x86_test

import (
	"fmt"
	"slices"
	"testing"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// registerPaths are those that exist with registers on only.
var registerPaths = []string{"switch_to", "__switch_to_asm", "__switch_to_asm on next's stack", "__switch_to",
	"restore_user_registers", "user_registers", "save_user_registers", "copy_thread", "start_thread", "ret_from_fork"}

// impatient ends a schedule where it fails, and not the test.
type impatient struct{ testing.TB }

func (impatient) Fatal(args ...any)                 { panic(fmt.Sprint(args...)) }
func (impatient) Fatalf(format string, args ...any) { panic(fmt.Sprintf(format, args...)) }

// harmless are lines that nothing here can miss, each for a reason.
var harmless = []struct{ label, why string }{
	{"rbx, rbp, r12 to r15 again", "looks, and clears what is below the stack pointer"},
	{"user registers", "looks and changes nothing"},
	{"mov %rbp,%rsi", "rsi has the same task already, by current_task"},
	{"call rbx", "what a kernel thread runs is not simulated; the line looks whether it is the right thing"},
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
	r.sw(0, p)
	child, err := r.Fork(0, 1, 0)
	r.must(err)
	k := r.kthread(0)
	r.sw(0, k)
	r.sw(0, p)
	r.sw(1, child)
	if _, err := r.Execve(1); err != nil {
		return err
	}
	r.sw(0, q)
	other, err := r.Fork(0, 0, kernel.CloneVM)
	r.must(err)
	r.sw(0, other)
	r.sw(1, p)
	r.sw(1, r.S.CPUs[1].Idle)
	r.sw(0, p)
	r.sw(1, q)
	r.sw(0, k)
	r.sw(0, other)
	return nil
}

// Every line of the register paths is needed: without it a rule breaks, or the machine ends up in another state.
func TestRegisterMutations(t *testing.T) {
	for _, rel := range machine.Releases() {
		c := machine.Config{Release: rel, CPUs: 2, Registers: true, Tasks: 10, MMs: 10}
		intact := boot(t, c)
		if err := battery(intact); err != nil {
			t.Fatal(err)
		}
		intact.intact()
		for _, path := range registerPaths {
			for _, line := range linesOf(intact.Prog, path) {
				if slices.ContainsFunc(harmless, func(h struct{ label, why string }) bool { return h.label == line.Label }) {
					continue
				}
				if line.Label == "save_fsgs" && rel < machine.V6_1 {
					continue // bases are noted when they are set, and no program here has selectors in fs and gs
				}
				mutant, err := intact.Prog.Without(path, line.Label)
				if err != nil {
					continue // a condition; the steps below it are lines of their own
				}
				r := boot(t, c)
				r.Prog, r.TB = mutant, impatient{t}
				err = battery(r)
				if err == nil && len(r.Violations) == 0 && r.S.Equal(intact.S) {
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
