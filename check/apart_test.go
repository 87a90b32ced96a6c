package check

import (
	"testing"
	"unsafe"

	"switchyard/step"
)

// What workers write while they walk has lines of its own.
func TestWorkersAreApart(t *testing.T) {
	for name, size := range map[string]uintptr{
		"worker": unsafe.Sizeof(worker{}), "walker": unsafe.Sizeof(walker{}), "normal": unsafe.Sizeof(normal{}),
		"generations": unsafe.Sizeof(generations{}), "symmetry": unsafe.Sizeof(symmetry{}), "step.Exec": unsafe.Sizeof(step.Exec{}),
	} {
		if size < unsafe.Sizeof(apart{}) {
			t.Errorf("%s has %d bytes and may stand in one line of the cache with something else", name, size)
		}
	}
}
