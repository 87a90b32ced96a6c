package kernel

import (
	"switchyard/machine"
	"switchyard/step"
)

// lazyOffPaths replace their namesakes where no kernel task borrows (machine.LazyOff): init_mm is
// loaded whenever the running task has no address space of its own. No release is built this way;
// it was proposed as CONFIG_MMU_LAZY_TLB=n and answers what borrowing saves. init_mm is not counted.
func lazyOffPaths(c *machine.Config) []*step.Path {
	switchMM := "switch_mm_irqs_off"
	if c.Release < machine.V5_0 {
		switchMM = "switch_mm"
	}
	toInit := func(_, callee *machine.Frame) { callee.MM = machine.InitMM }
	body := step.Seq{step.Call("prepare_task_switch")}
	if c.Release < machine.V4_4 {
		body = append(body, traceSwitch())
	}
	body = append(body,
		readActiveMM(),
		step.If("next has no mm", toKernel,
			step.Then(
				step.Do("next->active_mm = &init_mm", "nothing is borrowed: a kernel task runs on the kernel's own root", func(c *step.Ctx) {
					c.T(c.F.Next).ActiveMM = machine.InitMM
				}),
				step.If("another root is loaded", func(c *step.Ctx) bool { return c.F.OldMM != machine.InitMM },
					step.Then(step.Call(switchMM).With(toInit)), nil)),
			step.Else(step.Call(switchMM))),
		step.If("prev has no mm", not1(fromUser), step.Then(returnActiveMM("a kernel task that does not run stands on nothing")), nil))
	body = append(body, handOver()...)

	standOnInit := step.Do("active_mm = &init_mm", "nothing is borrowed: what was used is left at once", func(c *step.Ctx) { c.Task().ActiveMM = machine.InitMM })
	leave := step.Call("load_init_mm").With(func(f, callee *machine.Frame) { callee.OldMM = f.MM })
	return []*step.Path{
		{Name: "context_switch", Source: "none: lazy = off", Doc: "Gives the CPU of prev to next. Departs: no kernel task borrows.", Body: body},
		{Name: "exit_mm", Source: "none: lazy = off", Doc: "The task leaves its address space for init_mm before it gives it up. Departs: nothing is borrowed.", Body: step.Seq{
			step.Do("mm = current->mm", "what the task has to give up", ownMM).Touches(step.OwnTask),
			step.Call("mm_release"),
			step.If("it has an mm", hasOwnMM, step.Seq{
				irqDisable("mm and the root change together").Touches(step.OwnCPU),
				clearMM(), standOnInit, leave, irqEnable("on the kernel's own root"),
				step.Call("mmput").With(asTask),
			}, nil),
		}},
		{Name: "exec_mmap", Source: "none: lazy = off", Doc: "The running task changes to a new address space. Departs: a kernel task has no loan to give back.", Body: execNew("", c.Release >= machine.V7_3 && onX86(c))},
		{Name: "kthread_use_mm", Source: "none: lazy = off", Doc: "A kernel thread works in a user address space. Departs: it has no loan to give back.", Body: step.Seq{
			self(),
			step.Do("mmgrab", "a real reference", func(c *step.Ctx) {
				grab(c)
				c.MM(c.F.MM).UseRefs++
			}),
			irqDisable("mm and the root change together").Touches(step.OwnCPU),
			readKthreadActive(), setActiveStep(),
			step.Do("tsk->mm = mm", "the scheduler takes the thread for a user task now", setKthreadMM),
			switchToUsed(switchMM), irqEnable("the thread stands on mm"),
			step.Do("smp_mb", "membarrier needs a barrier after mm is set", (*step.Ctx).Barrier),
		}},
		{Name: "kthread_unuse_mm", Source: "none: lazy = off", Doc: "Back to init_mm, then the real reference goes.", Body: step.Seq{
			step.Do("mm = tsk->mm", "what was used", func(c *step.Ctx) { c.F.MM = c.Task().MM; c.Barrier() }).Touches(step.OwnTask, step.StoreBuffer),
			irqDisable("mm and the root change together").Touches(step.OwnCPU),
			step.Do("tsk->mm = NULL", "no address space", clearKthreadMM), standOnInit, leave, irqEnable("on the kernel's own root"),
			step.Do("atomic_dec_and_test", "the real reference goes", func(c *step.Ctx) {
				c.MM(c.F.MM).UseRefs--
				drop(c)
			}),
			step.If("that was the last reference", wasLast, step.Then(step.Call("__mmdrop")), nil),
		}},
		{Name: "cpu_offline", Source: "none: lazy = off", Doc: "Nothing is borrowed, so nothing is given back.", Body: step.Seq{goOffline()}},
		{Name: "finish_cpu", Source: "none: lazy = off", Doc: "Nothing was borrowed.", Body: step.Seq{forgetActive("the idle task of a dead CPU stands on nothing")}},
		{Name: "cpu_online", Source: "none: lazy = off", Doc: "A CPU comes up on init_mm, which is not counted.", Body: step.Seq{
			step.Do("current->active_mm = &init_mm", "the kernel's own root", func(c *step.Ctx) {
				c.Task().ActiveMM = machine.InitMM
				c.C.Online, c.C.IRQOff = true, false
			}),
			step.Call("cpu_bringup"),
		}},
	}
}
