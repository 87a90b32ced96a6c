package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// The entry code with KPTI, and software PAN where it is built, register by register: what the hardware
// could walk between any two writes is looked at, and interrupts come wherever they are on.

func entryCode(pan bool) func(*machine.Config) bool {
	return func(c *machine.Config) bool { return c.EntryCode && c.PAN == pan }
}

func maskIRQ(label, why string) step.Node {
	return step.Do(label, why, func(c *step.Ctx) { c.C.IRQOff = true })
}

func unmaskIRQ(label, why string) step.Node {
	return step.Do(label, why, func(c *step.Ctx) { c.C.IRQOff = false })
}

// unmaskKernel is unmaskIRQ where the kernel goes on with no access to user memory under way.
func unmaskKernel(label, why string) step.Node {
	return step.Do(label, why, func(c *step.Ctx) {
		if c.S.Config.PAN && (c.C.Root != machine.NoMM || arm(c).UserAccess) {
			c.Broken("I31", "the kernel goes on with user memory within reach: the user root, or the ASID under which its pages are cached")
		}
		c.C.IRQOff = false
	})
}

// readSaved is READ_ONCE(current_thread_info()->ttbr0).
func readSaved(c *step.Ctx) { c.F.MM, c.F.State = c.Task().SavedMM, c.Task().SavedTag }

// writeASID makes user memory reachable: what the TLB holds under the ASID counts from here on.
func writeASID(c *step.Ctx) { arm(c).HWASID, arm(c).UserAccess = c.F.State, true }

func writeSavedRoot(c *step.Ctx) {
	c.C.Root = c.F.MM
	if c.F.MM != machine.NoMM && c.MM(c.F.MM).Alive&machine.HasRoot == 0 {
		c.Broken("I8", "a freed page-table root was loaded")
	}
}

func writeReservedASID(c *step.Ctx) { arm(c).HWASID, arm(c).UserAccess = 0, false }

const (
	asidFirst = "the ASID first: no walk through the user root may be filed under the reserved one"
	rootLast  = "then the root that the last switch saved"
)

// exit and entry of user mode; between is what only software PAN has.
func exitToUser(between ...step.Node) step.Seq {
	s := append(step.Seq{maskIRQ("local_daif_mask", "from here to user mode no interrupt comes")}, between...)
	return append(s, step.Do("tramp_unmap_kernel", "one write: the trampoline's page tables, and the odd ASID of the pair", trampUnmap))
}

func entryFromUser(between ...step.Node) step.Seq {
	s := append(step.Seq{runUser(), step.Do("tramp_map_kernel", "one write: the kernel's page tables, and the even ASID", trampMap)}, between...)
	return append(s, unmaskKernel("local_daif_restore", "the kernel runs"))
}

// stillUser remembers in Val whether user memory was within reach when an exception came in the kernel, as told by within.
func stillUser(within func(*step.Ctx) bool) func(*step.Ctx) {
	return func(c *step.Ctx) {
		c.C.IRQOff = true
		c.F.Val = 0
		if within(c) {
			c.F.Val = 1
		}
	}
}

// userRoot goes by the ASID in TTBR0, which the reserved root has not.
func userRoot(c *step.Ctx) bool { return c.C.Root != machine.NoMM }

func wasUser(c *step.Ctx) bool { return c.F.Val != 0 }

// preempting: the task did not ask for it.
func preempting(_, callee *machine.Frame) { callee.N = 1 }

var entryPaths = []*step.Path{
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: entryCode(false),
		Source: "arch/arm64/kernel/entry.S:kernel_exit, tramp_exit (4.20 to 7.3, KPTI)",
		Doc:    "The kernel's page tables are left behind.",
		Body:   exitToUser(),
	},
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: entryCode(true),
		Source: "arch/arm64/kernel/entry.S:__swpan_exit_el0, tramp_exit (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN and KPTI)",
		Doc:    "User memory becomes reachable, then the kernel's page tables are left behind.",
		Body:   exitToUser(step.Call("__uaccess_ttbr0_enable")),
	},
	{
		Name: "user_access", Since: machine.V5_0, Only: entryCode(false),
		Source: "none: what the hardware does; then arch/arm64/kernel/entry.S:tramp_ventry, kernel_entry (4.20 to 7.3, KPTI)",
		Doc:    "User code runs, until it enters the kernel.",
		Body:   entryFromUser(),
	},
	{
		Name: "user_access", Since: machine.V5_0, Only: entryCode(true),
		Source: "none: what the hardware does; then arch/arm64/kernel/entry.S:tramp_ventry, __swpan_entry_el0 (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN and KPTI)",
		Doc:    "User code runs, until it enters the kernel.",
		Body:   entryFromUser(step.Call("__uaccess_ttbr0_disable")),
	},
	{
		Name: "__uaccess_ttbr0_enable", Since: machine.V5_0, Only: entryCode(true),
		Source: "arch/arm64/include/asm/asm-uaccess.h:__uaccess_ttbr0_enable, uaccess.h (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN; an isb between the writes up to 6.1)",
		Doc:    "User memory comes within reach. Interrupts are off, for a switch in between would leave another task's ASID, or one that a rollover took back.",
		Body: step.Seq{
			step.Do("READ_ONCE(thread_info->ttbr0)", "root and ASID as the last switch saved them", readSaved),
			step.Do("write_sysreg(ttbr1_el1)", asidFirst, writeASID),
			step.Do("write_sysreg(ttbr0_el1)", rootLast, writeSavedRoot),
		},
	},
	{
		Name: "__uaccess_ttbr0_disable", Since: machine.V5_0, Only: entryCode(true),
		Source: "arch/arm64/include/asm/asm-uaccess.h:__uaccess_ttbr0_disable, uaccess.h (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN; an isb between the writes up to 6.1)",
		Doc:    "User memory is out of reach again.",
		Body: step.Seq{
			step.Do("write_sysreg(ttbr0_el1)", "the reserved root first: from here on no user page is walked", reservedRoot),
			step.Do("write_sysreg(ttbr1_el1)", "then the reserved ASID, under which nothing of the user's is found", writeReservedASID),
		},
	},
	{
		Name: "uaccess_ttbr0_enable", Since: machine.V5_0, Only: entryCode(true),
		Source: "arch/arm64/include/asm/uaccess.h:__uaccess_ttbr0_enable (4.20 to 7.3)",
		Doc:    "For one access by the kernel.",
		Body: step.Seq{maskIRQ("local_irq_save", "a switch could bring another ASID between the reading and the writing"),
			step.Call("__uaccess_ttbr0_enable"), unmaskIRQ("local_irq_restore", "root and ASID go together")},
	},
	{
		Name: "uaccess_ttbr0_disable", Since: machine.V5_0, Only: entryCode(true),
		Source: "arch/arm64/include/asm/uaccess.h:__uaccess_ttbr0_disable (4.20 to 7.3; interrupts off since Fix the interaction between ASID switching and software PAN, 4.15)",
		Doc:    "The access is over.",
		Body: step.Seq{maskIRQ("local_irq_save", "an exception between the two writes would take the access for one that goes on"),
			step.Call("__uaccess_ttbr0_disable"), unmaskKernel("local_irq_restore", "root and ASID are both the reserved ones")},
	},
	{
		Name: "copy_from_user", Since: machine.V5_0, Only: entryCode(true),
		Source: "arch/arm64/include/asm/uaccess.h:uaccess_ttbr0_enable, uaccess_ttbr0_disable (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN)",
		Doc:    "The kernel brings user memory within reach, uses it and lets it go. Interrupts are on while it uses it.",
		Body: step.Seq{
			step.Call("uaccess_ttbr0_enable"),
			step.Do("copy_from_user", "the kernel uses the user root for this one access", touch),
			step.Call("uaccess_ttbr0_disable"),
		},
	},
	el1Interrupt(machine.V5_0, machine.V7_3, "arm64_preempt_schedule_irq", "entry-common.c:el1_interrupt (6.1, 6.12; entry.S:el1_irq in 4.20)"),
	el1Interrupt(machine.V7_3, 0, "preempt_schedule_irq", "entry-common.c:el1_interrupt, kernel/entry/common.c:raw_irqentry_exit_cond_resched (7.3)"),
	{
		Name: "kernel_access", Since: machine.V5_0, Only: func(c *machine.Config) bool { return c.EntryCode },
		Source: "arch/arm64/include/asm/pgtable-prot.h:PTE_MAYBE_NG (4.16 to 7.3)",
		Doc:    "The kernel uses a page of its own.",
		Body:   step.Seq{step.Do("PTE_MAYBE_NG", "with KPTI kernel pages are not global: the TLB files them under the kernel's ASID", nothing)},
	},
}

// el1Interrupt is an interrupt in the kernel, by where the releases decide to switch.
func el1Interrupt(since, until machine.Release, reschedule, source string) *step.Path {
	return &step.Path{
		Name: "el1_interrupt", Since: since, Until: until, Only: entryCode(true),
		Source: "arch/arm64/kernel/entry.S:__swpan_entry_el1, __swpan_exit_el1, " + source,
		Doc:    "An interrupt in the kernel ends with a switch. An access to user memory that was under way is interrupted too: afterwards it goes on with what the task has saved by then.",
		Body: step.Seq{
			step.Do("__swpan_entry_el1", "was user memory within reach? The reserved root has ASID 0 beside it in TTBR0", stillUser(userRoot)),
			step.If("it was", wasUser, step.Then(step.Call("__uaccess_ttbr0_disable")), nil),
			unmaskKernel(reschedule, "another task is to run here"),
			step.Call("schedule").With(preempting),
			maskIRQ("__swpan_exit_el1", "back to what was interrupted"),
			step.If("it was", wasUser, step.Then(step.Call("__uaccess_ttbr0_enable")), nil),
			unmaskIRQ("eret", "what was interrupted goes on"),
		},
	}
}
