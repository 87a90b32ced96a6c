package check

import "switchyard/step"

// entries are where the paths begin that environments have tasks enter.
type entries struct {
	schedule, wake, move                 uint32
	clone, exec, exit, reap, munmap      uint32
	mmget, mmput, grab, drop, use, unuse uint32
	offline, finishCPU, online           uint32
	membarrier, register, copyFromUser   uint32
	membarrierGlobal                     uint32
	pin, unpin                           uint32
	call, neon, sigframe, sigreturn      uint32
	preempt, kernelAccess                uint32
	mapKernel, touchKernel               uint32
}

func entriesOf(p *step.Program) (e entries) {
	for _, at := range []struct {
		to   *uint32
		name string
	}{
		{&e.schedule, "schedule"}, {&e.wake, "try_to_wake_up"}, {&e.move, "move_queued_task"},
		{&e.clone, "kernel_clone"}, {&e.exec, "exec_mmap"}, {&e.exit, "do_exit"}, {&e.reap, "release_task"}, {&e.munmap, "unmap_region"},
		{&e.mmget, "mmget"}, {&e.mmput, "mmput"}, {&e.grab, "grab_outside"}, {&e.drop, "drop_outside"},
		{&e.use, "kthread_use_mm"}, {&e.unuse, "kthread_unuse_mm"},
		{&e.offline, "cpu_offline"}, {&e.finishCPU, "finish_cpu"}, {&e.online, "cpu_online"},
		{&e.membarrier, "membarrier_private_expedited"}, {&e.register, "membarrier_register_private_expedited"},
		{&e.membarrierGlobal, "membarrier_global_expedited"},
		{&e.copyFromUser, "copy_from_user"}, {&e.pin, "arm64_mm_context_get"}, {&e.unpin, "arm64_mm_context_put"},
		{&e.kernelAccess, "kernel_access"},
		{&e.mapKernel, "map_kernel_range"}, {&e.touchKernel, "touch_kernel_range"},
		{&e.preempt, "schedule"}, {&e.preempt, "el1_interrupt"}, // the second where the entry code is followed
		{&e.call, "el0_svc"}, {&e.neon, "kernel_mode_neon"}, {&e.sigframe, "setup_rt_frame"}, {&e.sigreturn, "rt_sigreturn"},
	} {
		if p.Has(at.name) {
			*at.to = p.Entry(at.name)
		}
	}
	return e
}
