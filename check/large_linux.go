package check

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// preferHugePages asks for huge pages for what of b is whole ones. It is a hint, and nothing is lost where
// it is not taken.
func preferHugePages(b []byte) {
	at := uintptr(unsafe.Pointer(&b[0]))
	skip := -at & (hugePage - 1)
	if whole := (uintptr(len(b)) - min(skip, uintptr(len(b)))) &^ (hugePage - 1); whole > 0 {
		_ = unix.Madvise(b[skip:skip+whole], unix.MADV_HUGEPAGE)
	}
}
