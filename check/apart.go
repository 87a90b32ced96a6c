package check

import "unsafe"

// What one worker writes and another one reads or writes must not stand in one line of the cache, or each write takes
// the line away from the other core. From 512 bytes on Go's allocator begins everything at a line of its own.

// apart at the end of a struct makes it large enough for that; between two fields it keeps them in different lines.
type apart [512]byte

// ownLines is a slice that no other one shares a line with.
func ownLines[T any](n int) []T {
	var t T
	return make([]T, n, max(n, len(apart{})/int(unsafe.Sizeof(t))))
}
