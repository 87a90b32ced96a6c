package check

import (
	"fmt"
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

// calls is what a task may ask for.
func (e *tasks) calls(w *walker, cpu machine.CPUID) {
	s, at := w.now, &w.w.entries
	t := &s.Tasks[s.CPUs[cpu].Curr]
	if e.exit {
		w.add(action{do: enter, cpu: cpu, entry: at.exit})
	}
	e.registers(w, cpu, t)
	if e.kernel {
		w.add(action{do: enter, cpu: cpu, entry: at.kernelAccess})
	}
	mm := freeMM(s)
	if e.exec && mm != machine.NoMM {
		do := enter
		if t.Kind == machine.KernelTask {
			do = becomeUser
		}
		w.add(action{do: do, cpu: cpu, entry: at.exec, args: machine.Frame{MM: mm}})
	}
	if t.MM != machine.NoMM {
		e.process(w, cpu, t, mm)
	} else if e.useMM {
		e.kthread(w, cpu)
	}
}

// registers is what a task does with its registers beside using them.
func (e *tasks) registers(w *walker, cpu machine.CPUID, t *machine.Task) {
	at := &w.w.entries
	if e.neon {
		w.add(action{do: enter, cpu: cpu, entry: at.neon})
	}
	if !e.signal || t.MM == machine.NoMM {
		return
	}
	threads := w.now.ARM64FPThreads
	if threads[w.now.CPUs[cpu].Curr].InSignal != 0 {
		w.add(action{do: enter, cpu: cpu, entry: at.sigreturn})
	} else if !slices.ContainsFunc(threads, func(th machine.ARM64FPThread) bool { return th.InSignal != 0 }) {
		w.add(action{do: enter, cpu: cpu, entry: at.sigframe})
	}
}

// kernelFault is a fault at a new mapping of the kernel's: it comes where the code happens to be, in the middle of a
// switch and with interrupts off too, and not in its own handler.
func (e *tasks) kernelFault(w *walker, cpu machine.CPUID, c *machine.CPU) {
	s := w.now
	if s.MMs[c.Root].KernelSync == s.Global.KernelEntries {
		return
	}
	if f := s.Top(c.Stack); f == nil || !e.inFault[f.PC] {
		w.add(action{do: enter, cpu: cpu, entry: w.w.entries.touchKernel})
	}
}

// lacks says which of the things that may happen the paths of a machine know nothing of.
func (e *tasks) lacks(p *step.Program) error {
	for _, a := range []struct {
		on           bool
		action, path string
	}{
		{len(e.barriers) > 0, "membarrier or sync-core", "membarrier_private_expedited"},
		{e.pin, "pin", "arm64_mm_context_get"},
		{e.syscall, "syscall", "el0_svc"},
		{e.neon, "neon", "kernel_mode_neon"},
		{e.signal, "signal", "setup_rt_frame"},
		{e.uaccess, "uaccess", "copy_from_user"},
		{e.kernel, "kernel", "kernel_access"},
		{e.vmalloc, "vmalloc", "touch_kernel_range"},
	} {
		if a.on && !p.Has(a.path) {
			return fmt.Errorf("action %q: the model's machine has no path %s in this release; --list says what each model looks at", a.action, a.path)
		}
	}
	return nil
}
