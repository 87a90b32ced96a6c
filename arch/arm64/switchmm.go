package arm64

import (
	"slices"

	"switchyard/machine"
	"switchyard/step"
)

func differ(c *step.Ctx) bool { return c.F.OldMM != c.F.MM }
func toInit(c *step.Ctx) bool { return c.F.MM == machine.InitMM }

// reservedRoot is cpu_set_reserved_ttbr0: from here on the hardware walks no user tables. The ASID stays.
func reservedRoot(c *step.Ctx) { c.C.Root = machine.NoMM }

// reservedTTBR0 is the same in 4.4, whose TTBR0 has the ASID in it.
func reservedTTBR0(c *step.Ctx) {
	c.C.Root = machine.NoMM
	arm(c).HWASID = 0
}

// asidOf reads the mm's id again, as cpu_do_switch_mm does: its number cannot have changed since
// active_asids was set.
func asidOf(c *step.Ctx, hw hardwareASID) uint32 { return hw(&c.S.Config, c.MM(c.F.MM).ContextID) }

// writeRoot writes the root into TTBR0.
func writeRoot(c *step.Ctx) {
	m := c.F.MM
	if m == machine.InitMM {
		c.Broken("I8", "swapper_pg_dir was loaded into TTBR0")
	}
	if c.MM(m).Alive&machine.HasRoot == 0 {
		c.Broken("I8", "a freed page-table root was loaded")
	}
	c.C.Root = m
	c.Stats.Loads++
	if c.F.State != flushed {
		c.Stats.KeptByTag++
	}
}

// registers is cpu_switch_mm with cpu_do_switch_mm: how a release writes root and ASID.
type registers func(hw hardwareASID) step.Seq

func oneRegister(hw hardwareASID) step.Seq {
	return step.Seq{step.Do("cpu_do_switch_mm", "root and ASID stand in one register, so one write changes both", func(c *step.Ctx) {
		arm(c).HWASID = asidOf(c, hw)
		writeRoot(c)
	})}
}

func threeWrites(hw hardwareASID) step.Seq {
	return step.Seq{
		step.Do("cpu_set_reserved_ttbr0", "no walk may pair the old root with the new ASID", reservedRoot),
		step.Do("write_sysreg(ttbr1_el1)", "the ASID changes while no user root is loaded; an isb makes it so before the root comes", func(c *step.Ctx) {
			arm(c).HWASID = asidOf(c, hw)
		}),
		step.Do("write_sysreg(ttbr0_el1)", "the root comes last: its entries are tagged with its own ASID", writeRoot),
	}
}

func oneISB(hw hardwareASID) step.Seq {
	return step.Seq{step.Do("cpu_do_switch_mm", "reserved root, ASID, root, and one isb: in this order no walk can pair a root with another's ASID", func(c *step.Ctx) {
		arm(c).HWASID = asidOf(c, hw)
		writeRoot(c)
	})}
}

// switching is what switch_mm of a release is made of.
type switching struct {
	fast     step.Seq
	regs     registers
	hw       hardwareASID
	reserved func(*step.Ctx)
	saves    bool // update_saved_ttbr0: since software PAN
	keepRoot bool // CnP without the reserved root first: broken
}

func (s switching) body(pan, cnp bool) step.Seq {
	change := step.Seq{}
	if cnp && !s.keepRoot {
		change = append(change, step.Do("cpu_set_reserved_ttbr0", "other CPUs share our TLB entries: none may come from the old root once its ASID is no longer ours", s.reserved))
	}
	change = append(change, s.fast...)
	if !pan {
		change = append(change, s.regs(s.hw)...)
	}
	body := step.Seq{
		step.If("prev != next", differ, step.Then(
			step.If("next is init_mm", toInit,
				step.Then(step.Do("cpu_set_reserved_ttbr0", "init_mm has no user half: the reserved root will do, and no ASID is touched", func(c *step.Ctx) {
					s.reserved(c)
					c.Stats.Loads++
				})),
				change)), nil),
	}
	if pan {
		body = append(body, updateSaved(s.hw))
	}
	return body
}

// paths returns switch_mm and activate_mm of a range of releases, for each way to build the kernel.
func (s switching) paths(since, until machine.Release, name, source, read string) []*step.Path {
	var all []*step.Path
	for _, pan := range []bool{false, true} {
		for _, cnp := range []bool{false, true} {
			if pan && !s.saves {
				continue
			}
			only := func(c *machine.Config) bool { return c.PAN == pan && c.CnP == cnp }
			built := read
			if pan {
				built += ", CONFIG_ARM64_SW_TTBR0_PAN"
			}
			if cnp {
				built += ", CnP"
			}
			all = append(all, &step.Path{
				Name: name, Since: since, Until: until, Only: only,
				Source: source + " (" + built + ")",
				Doc:    "Makes MM's root and ASID the CPU's. From an mm to itself nothing is looked at, not even the ASID's generation: the CPU never stopped using it.",
				Body:   s.body(pan, cnp),
			}, &step.Path{
				Name: "activate_mm", Since: since, Until: until, Only: only,
				Source: "include/asm-generic/mmu_context.h:activate_mm, " + source + " (" + built + ")",
				Doc:    "switch_mm for a task that execs. It comes with interrupts on.",
				Body:   s.body(pan, cnp),
			})
		}
	}
	return all
}

const switchSource = "arch/arm64/include/asm/mmu_context.h:switch_mm, arch/arm64/mm/context.c:check_and_switch_context"

var (
	switch44  = switching{fast: fastXchg, regs: oneRegister, hw: number, reserved: reservedTTBR0}
	switch50  = switching{fast: fastCmpxchg, regs: threeWrites, hw: number, reserved: reservedRoot, saves: true}
	switch612 = switching{fast: fastCmpxchg, regs: oneISB, hw: number, reserved: reservedRoot, saves: true}
)

// Since 4.7 the scheduler calls switch_mm_irqs_off, which is switch_mm where a port has no other.
var switchPaths = slices.Concat(
	switch44.paths(machine.V4_4, machine.V5_0, "switch_mm", switchSource, "4.4"),
	switch50.paths(machine.V5_0, machine.V6_12, "switch_mm_irqs_off", switchSource, "4.20, 6.1"),
	switch612.paths(machine.V6_12, 0, "switch_mm_irqs_off", switchSource, "6.12, 7.3"),
)

// leave is switch_mm(mm, &init_mm, current).
func leave(reserved func(*step.Ctx)) step.Node {
	return step.Do("cpu_set_reserved_ttbr0", "the hardware leaves the user root; its ASID stays ours, which does no harm", func(c *step.Ctx) {
		reserved(c)
		c.Stats.Loads++
	})
}

var lazyPaths = []*step.Path{
	{
		Name: "enter_lazy_tlb", Since: machine.V4_4, Until: machine.V5_0,
		Source: "arch/arm64/include/asm/mmu_context.h:enter_lazy_tlb (4.4)",
		Doc:    "Empty: the kernel has its own root in TTBR1. What is borrowed stays in TTBR0, unused but for speculation.",
		Body:   step.Seq{stayLoaded()},
	},
	{
		Name: "enter_lazy_tlb", Since: machine.V5_0, Only: withoutPAN,
		Source: "arch/arm64/include/asm/mmu_context.h:enter_lazy_tlb (4.20 to 7.3)",
		Doc:    "Empty without software PAN: the kernel has its own root in TTBR1. What is borrowed stays in TTBR0, unused but for speculation.",
		Body:   step.Seq{stayLoaded()},
	},
	{
		Name: "enter_lazy_tlb", Since: machine.V5_0, Only: withPAN,
		Source: "arch/arm64/include/asm/mmu_context.h:enter_lazy_tlb (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN)",
		Doc:    "The borrower's saved root becomes the reserved one: it accesses no user memory.",
		Body:   step.Seq{saveReserved(func(c *step.Ctx) machine.TaskID { return c.F.Next })},
	},
	{
		Name: "load_init_mm", Since: machine.V4_4, Until: machine.V5_0,
		Source: "arch/arm64/include/asm/mmu_context.h:switch_mm(mm, &init_mm) (4.4)",
		Doc:    "Leaves the borrowed root.",
		Body:   step.Seq{leave(reservedTTBR0)},
	},
	{
		Name: "load_init_mm", Since: machine.V5_0, Only: withoutPAN,
		Source: "arch/arm64/include/asm/mmu_context.h:switch_mm(mm, &init_mm) (4.20 to 7.3)",
		Doc:    "Leaves the borrowed root.",
		Body:   step.Seq{leave(reservedRoot)},
	},
	{
		Name: "load_init_mm", Since: machine.V5_0, Only: withPAN,
		Source: "arch/arm64/include/asm/mmu_context.h:switch_mm(mm, &init_mm, current) (4.20 to 7.3, CONFIG_ARM64_SW_TTBR0_PAN)",
		Doc:    "Leaves the borrowed root, also in what current would load for an access to user memory.",
		Body:   step.Seq{leave(reservedRoot), saveReserved(func(c *step.Ctx) machine.TaskID { return c.C.Current })},
	},
	{
		Name: "cpu_bringup", Since: machine.V4_4,
		Source: "arch/arm64/include/asm/mmu_context.h:cpu_uninstall_idmap (4.20 to 7.3; secondary_start_kernel in 4.4)",
		Doc:    "A CPU leaves the identity mapping for the reserved root, with an empty TLB. What its active ASID was before it went away is still kept for it.",
		Body: step.Seq{
			step.Do("cpu_set_reserved_ttbr0", "nothing may be fetched through the identity mapping any more", reservedTTBR0),
			step.Do("local_flush_tlb_all", "what the identity mapping left in the TLB goes", func(c *step.Ctx) {
				c.S.FlushTLB(tlbOf(c.S, c.CPU))
				c.Stats.FullFlushes++
			}),
		},
	},
}

func stayLoaded() step.Node {
	return step.Do("enter_lazy_tlb", "nothing to do: the kernel's root is in TTBR1, the borrowed one stays in TTBR0", func(*step.Ctx) {})
}

var contextPaths = []*step.Path{
	{
		Name: "init_new_context", Since: machine.V4_4, Until: machine.V6_1,
		Source: "arch/arm64/include/asm/mmu_context.h:init_new_context (4.4, 4.20)",
		Doc:    "A new address space has no ASID.",
		Body:   step.Seq{step.Do("init_new_context", "no ASID before the first switch to it", func(c *step.Ctx) { c.MM(c.F.MM).ContextID = 0 }).Touches(step.OwnTask)},
	},
	{
		Name: "init_new_context", Since: machine.V6_1,
		Source: "arch/arm64/include/asm/mmu_context.h:init_new_context (6.1 to 7.3)",
		Doc:    "A new address space has no ASID, and none that is pinned.",
		Body: step.Seq{step.Do("init_new_context", "no ASID before the first switch to it", func(c *step.Ctx) {
			mm := c.MM(c.F.MM)
			mm.ContextID, mm.Pinned = 0, 0
		}).Touches(step.OwnTask)},
	},
	{
		Name: "destroy_context", Since: machine.V4_4,
		Source: "include/asm-generic/mmu_context.h:destroy_context (4.4 to 7.3)",
		Doc:    "Empty: an ASID is not given back when its mm dies, for some CPU's TLB may have entries under it. The next rollover takes it back.",
	},
}
