package check

import "unsafe"

// large is a slice that is looked into at random: with pages as large as the machine has them, where it
// has them, most looks cost one miss less. It begins with one of these, for what stands beside them comes in small pages,
// each with a page fault of its own.
func large[T any](n int) []T {
	var t T
	size := int(unsafe.Sizeof(t))
	if n*size < hugePage {
		return make([]T, n)
	}
	all := make([]T, n+hugePage/size)
	s := all[int(-uintptr(unsafe.Pointer(&all[0]))&(hugePage-1))/size:][:n:n]
	preferHugePages(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), n*size))
	return s
}

const hugePage = 2 << 20
