package arm64

import (
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// With KPTI, user mode runs with the odd ASID of the pair; with software PAN, the kernel runs on the
// reserved root. Both change at the boundary, with interrupts off: an interrupt in user mode goes
// through the entry code first. The entry is therefore the last step of user_access, and a CPU whose
// task is in user mode shows the registers as the next entry will leave them.

// userASID is USER_ASID_FLAG.
const userASID = 1

func built(pan, kpti bool) func(*machine.Config) bool {
	return func(c *machine.Config) bool { return c.PAN == pan && c.KPTI == kpti && !c.EntryCode }
}

// touch is an access to user memory through the loaded root: what the TLB holds under the ASID is
// used, else a walk fills it.
func touch(c *step.Ctx) {
	root, tag := c.C.Root, arm(c).HWASID
	if root == machine.NoMM {
		c.Broken("I11", "user memory is accessed with no user root loaded")
		return
	}
	mm := c.MM(root)
	e := c.S.TLBSlot(tlbOf(c.S, c.CPU), tag)
	switch {
	case e.Owner == 0 || e.Tag != tag:
		*e = machine.WalkedEntry(mm, tag)
	case e.Owner != mm.Serial:
		c.Broken("I14", "an access hits TLB entries of another address space that has the same ASID")
	case !e.Seen.Covers(mm.Done) || !e.Walk.Covers(mm.TablesDone):
		c.Broken("I23", "an access hits a TLB entry for a page that was unmapped and flushed")
	}
}

// Speculate is what the hardware of cpu may do between any two steps: walk the loaded root, whatever
// runs, and cache what it finds under the current ASID. It reports whether the TLB holds anything new. For checkers;
// no path enters it.
func Speculate(s *machine.State, cpu machine.CPUID) bool {
	root := s.CPUs[cpu].Root
	return root != machine.NoMM && s.Walk(tlbOf(s, cpu), s.ARM64[cpu].HWASID, &s.MMs[root])
}

func userRuns(c *step.Ctx) {
	kernel.UserRuns(c)
	if c.C.Root != c.Task().MM {
		c.Broken("I11", "user code runs on a root that is not its own")
	}
	if a := arm(c); c.S.Config.KPTI && (!a.Tramp || a.HWASID&userASID == 0) {
		c.Broken("I28", "user code runs with the kernel's page tables in TTBR1, or under the kernel's ASID")
	}
	touch(c)
}

func runUser() step.Node {
	return step.Ours("user_access", "user code runs: it uses what the TLB holds under the ASID, or fills it from the root", userRuns)
}

func unmapKernel() step.Node {
	return step.Do("tramp_unmap_kernel", "user mode gets the odd ASID of the pair, under which no kernel entries are found", func(c *step.Ctx) {
		c.C.IRQOff = true
		trampUnmap(c)
	})
}

// trampUnmap and trampMap write TTBR1, root and ASID at once.
func trampUnmap(c *step.Ctx) {
	a := arm(c)
	a.HWASID, a.Tramp, a.EL0 = a.HWASID|userASID, true, true
}

func trampMap(c *step.Ctx) {
	a := arm(c)
	a.HWASID, a.Tramp, a.EL0 = a.HWASID&^userASID, false, false
}

func mapKernel() step.Node {
	return step.Do("tramp_map_kernel", "the next entry into the kernel: back to the even ASID", func(c *step.Ctx) {
		trampMap(c)
		c.C.IRQOff = false
	})
}

const nextEntry = "the next entry into the kernel: user memory is out of reach again"

var userPaths = []*step.Path{
	{
		Name: "arch_exit_to_user_mode", Since: machine.V4_4, Only: built(false, false),
		Source: "arch/arm64/kernel/entry.S:kernel_exit (4.4 to 7.3)",
		Doc:    "Root and ASID are there since the switch.",
	},
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: built(false, true),
		Source: "arch/arm64/kernel/entry.S:tramp_exit (4.20 to 7.3, KPTI)",
		Doc:    "The trampoline leaves the kernel's mappings behind. Departs: what maps the trampoline itself is left out.",
		Body:   step.Seq{unmapKernel()},
	},
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: built(true, false),
		Source: "arch/arm64/kernel/entry.S:__swpan_exit_el0 (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN)",
		Doc:    "User memory becomes reachable.",
		Body:   step.Seq{uaccessEnable()},
	},
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: built(true, true),
		Source: "arch/arm64/kernel/entry.S:__swpan_exit_el0, tramp_exit (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN and KPTI)",
		Doc:    "User memory becomes reachable, then the trampoline leaves the kernel's mappings behind.",
		Body:   step.Seq{uaccessEnable(), unmapKernel()},
	},
	{
		Name: "user_access", Since: machine.V4_4, Only: built(false, false),
		Source: "none: what the hardware does",
		Doc:    "User code runs: the TLB fills, and stale or alien entries are found out.",
		Body:   step.Seq{runUser()},
	},
	{
		Name: "user_access", Since: machine.V5_0, Only: built(false, true),
		Source: "none: what the hardware does; then arch/arm64/kernel/entry.S:tramp_ventry (4.20 to 7.3, KPTI)",
		Doc:    "User code runs, until it enters the kernel. Departs: the entry follows at once, so that every kernel path begins behind it.",
		Body:   step.Seq{runUser(), mapKernel()},
	},
	{
		Name: "user_access", Since: machine.V5_0, Only: built(true, false),
		Source: "none: what the hardware does; then arch/arm64/kernel/entry.S:__swpan_entry_el0 (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN)",
		Doc:    "User code runs, until it enters the kernel. Departs: the entry follows at once, so that every kernel path begins behind it.",
		Body:   step.Seq{runUser(), uaccessDisable(nextEntry)},
	},
	{
		Name: "user_access", Since: machine.V5_0, Only: built(true, true),
		Source: "none: what the hardware does; then arch/arm64/kernel/entry.S:tramp_ventry, __swpan_entry_el0 (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN and KPTI)",
		Doc:    "User code runs, until it enters the kernel. Departs: the entry follows at once, so that every kernel path begins behind it.",
		Body: step.Seq{runUser(),
			step.Do("tramp_map_kernel", "the next entry into the kernel: back to the even ASID", trampMap),
			uaccessDisable(nextEntry)},
	},
	{
		Name: "copy_from_user", Since: machine.V4_4, Only: withoutPAN,
		Source: "arch/arm64/include/asm/uaccess.h (4.4 to 7.3)",
		Doc:    "The kernel accesses the memory of current's address space, under the kernel's ASID of a KPTI pair.",
		Body:   step.Seq{step.Do("copy_from_user", "the kernel uses the user root that is loaded", touch)},
	},
	{
		Name: "copy_from_user", Since: machine.V5_0, Only: func(c *machine.Config) bool { return c.PAN && !c.EntryCode },
		Source: "arch/arm64/include/asm/uaccess.h:uaccess_ttbr0_enable, uaccess_ttbr0_disable (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN)",
		Doc:    "The kernel loads the user root, accesses user memory, and leaves it. Departs: interrupts stay off in between; in the kernel they come on, and the entry code disables and restores the access around each.",
		Body: step.Seq{
			uaccessEnable(),
			step.Do("copy_from_user", "the kernel uses the user root for this one access", touch),
			uaccessDisable("user memory is out of reach again"),
		},
	},
}
