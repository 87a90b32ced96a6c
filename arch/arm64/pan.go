package arm64

import (
	"switchyard/machine"
	"switchyard/step"
)

// Software PAN keeps the user root out of TTBR0 while the kernel runs. A switch then writes the
// task's saved root instead of the register, and whoever accesses user memory, or goes back to user
// mode, loads what was saved.

func withPAN(c *machine.Config) bool    { return c.PAN }
func withoutPAN(c *machine.Config) bool { return !c.PAN }

// updateSaved is update_saved_ttbr0(tsk, next), which ends every switch_mm, even from an mm to itself.
func updateSaved(hw hardwareASID) step.Node {
	return step.Do("update_saved_ttbr0", "next will load this root with this ASID: the mm may have got another one since next last ran", func(c *step.Ctx) {
		t := c.F.Next
		if t == machine.NoTask {
			t = c.C.Current
		}
		if c.F.MM == machine.InitMM {
			setSaved(c, t, machine.NoMM, 0)
			return
		}
		setSaved(c, t, c.F.MM, asidOf(c, hw))
	})
}

func saveReserved(who func(*step.Ctx) machine.TaskID) step.Node {
	return step.Do("update_saved_ttbr0", "a task without user memory must not load the root of one", func(c *step.Ctx) {
		setSaved(c, who(c), machine.NoMM, 0)
	})
}

func setSaved(c *step.Ctx, t machine.TaskID, mm machine.MMID, asid uint32) {
	task := c.T(t)
	task.SavedMM, task.SavedTag = mm, asid
}

// enableUser is __uaccess_ttbr0_enable: ASID, then root, from what is saved. Interrupts are off, for
// a switch in between would leave another task's ASID.
func enableUser(c *step.Ctx) {
	t := c.Task()
	c.C.IRQOff = true
	arm(c).HWASID, c.C.Root = t.SavedTag, t.SavedMM
	arm(c).UserAccess = true
	if t.SavedMM != machine.NoMM {
		if c.MM(t.SavedMM).Alive&machine.HasRoot == 0 {
			c.Broken("I8", "a freed page-table root was loaded")
		}
		c.Stats.Loads++
		c.Stats.KeptByTag++
	}
}

// disableUser is __uaccess_ttbr0_disable: reserved root, ASID 0.
func disableUser(c *step.Ctx) {
	reservedTTBR0(c)
	arm(c).UserAccess = false
	c.C.IRQOff = false
}

func uaccessEnable() step.Node {
	return step.Do("__uaccess_ttbr0_enable", "root and ASID come from what the last switch saved, with interrupts off so that no rollover gets between", enableUser)
}

func uaccessDisable(why string) step.Node {
	return step.Do("__uaccess_ttbr0_disable", why, disableUser)
}
