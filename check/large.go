package check

import "unsafe"

// large is a slice that is looked into at random: with pages as large as the machine has them, where it
// has them, most looks cost one miss less.
func large[T any](n int) []T {
	s := make([]T, n)
	if bytes := uintptr(n) * unsafe.Sizeof(s[0]); bytes >= hugePage {
		preferHugePages(unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), bytes))
	}
	return s
}

const hugePage = 2 << 20
