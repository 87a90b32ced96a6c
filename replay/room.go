package replay

import (
	"switchyard/machine"
)

// The machine begins small and grows with what the recording shows to exist at one time.
const (
	firstTasks = 256
	firstMMs   = 128
)

// crowded leaves enough free slots for the search for one to be short.
func crowded(used, slots int) bool { return used >= slots-slots/8 }

func (r *run) freeTask() (machine.TaskID, error) {
	if slots := len(r.m.S.Tasks); crowded(r.used, slots) {
		if err := r.reapAll(); err != nil {
			return machine.NoTask, err
		}
		if crowded(r.used, slots-slots/8) {
			r.grow(2*slots, len(r.m.S.MMs))
		}
	}
	return r.m.FreeTask()
}

func (r *run) freeMM() (machine.MMID, error) {
	used := r.existed + r.m.Stats.MMsCreated - r.m.Stats.MMsFreed
	if slots := len(r.m.S.MMs); crowded(int(used)+setupMMs, slots) {
		r.grow(len(r.m.S.Tasks), 2*slots)
	}
	return r.m.FreeMM()
}

// setupMMs are init_mm and that of the process backstage.
const setupMMs = 2

// grow moves to a machine that is the same but larger.
func (r *run) grow(tasks, mms int) {
	old := r.m
	r.m = old.With(old.S.Grow(tasks, mms))
	r.m.Stats, r.m.Violations, r.m.ViolationCount = old.Stats, old.Violations, old.ViolationCount
	r.m.Watch, r.m.Choose = old.Watch, old.Choose
	r.sizeSlots()
}

// sizeSlots fits what is kept beside the machine's own slots to it.
func (r *run) sizeSlots() {
	for len(r.bySlot) < len(r.m.S.Tasks) {
		r.bySlot = append(r.bySlot, noTask)
	}
	for len(r.mms) < len(r.m.S.MMs) {
		r.mms = append(r.mms, space{})
	}
}
