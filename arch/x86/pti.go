package x86

import (
	"switchyard/machine"
	"switchyard/step"
)

// With page-table isolation each address space has two roots: user mode runs on one that maps hardly
// any of the kernel, under a PCID of its own. A flush empties the kernel's PCID at once and leaves a
// note for the user's, since only the way to user mode can look at it again.

// invalidateUserASID leaves that note.
func invalidateUserASID(c *step.Ctx, slot uint16) {
	if c.S.Config.PTI && c.S.Config.PCID {
		tlb(c).UserFlush |= 1 << slot
	}
}

func isolated(c *machine.Config) bool  { return c.PTI && c.PCID }
func isolatedU(c *machine.Config) bool { return c.PTI && !c.PCID }
func together(c *machine.Config) bool  { return !c.PTI }

func userFlushPending(c *step.Ctx) bool {
	t := tlb(c)
	return t.UserFlush&(1<<t.ASID) != 0
}

// exitIRQOff: user_access, which stands for the return from interrupt, lets interrupts in again.
var exitIRQOff = step.Do("local_irq_disable_exit_to_user", "a flush that came after the look at the note would leave another one", func(c *step.Ctx) {
	c.C.IRQOff = true
})

var ptiPaths = []*step.Path{
	{
		Name: "arch_exit_to_user_mode", Only: together,
		Source: "arch/x86/entry/entry_64.S (2.6.32 to 7.3)",
		Doc:    "One root maps user and kernel: nothing to change on the way out.",
	},
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: isolated,
		Source: "arch/x86/entry/calling.h:SWITCH_TO_USER_CR3 (6.1, 6.12, 7.3)",
		Doc:    "The user root of the loaded address space, under its own PCID; the flush that was put off is done with the same write.",
		Body: step.Seq{
			exitIRQOff,
			step.If("a user flush was put off", userFlushPending, step.Then(
				step.Do("user_pcid_flush_mask", "the user PCID is emptied now, before user code can use what it holds", func(c *step.Ctx) {
					t := tlb(c)
					t.UserFlush &^= 1 << t.ASID
					c.S.FlushTag(c.CPU, userTag(&c.S.Config, t.ASID))
					c.Stats.UserTableFlushes++
				})),
				step.Else(step.Do("SWITCH_TO_USER_CR3", "NOFLUSH: what the user PCID holds is good", func(*step.Ctx) {}))),
		},
	},
	{
		Name: "arch_exit_to_user_mode", Since: machine.V5_0, Only: isolatedU,
		Source: "arch/x86/entry/calling.h:SWITCH_TO_USER_CR3 (6.1, 6.12, 7.3, without PCID)",
		Doc:    "Without identifiers each change between the two roots empties the TLB.",
		Body: step.Seq{
			exitIRQOff,
			step.Do("SWITCH_TO_USER_CR3", "the TLB is emptied on every way out: the price of isolation without identifiers", func(c *step.Ctx) {
				c.S.FlushTLB(c.CPU)
				c.Stats.UserTableFlushes++
			}),
		},
	},
}
