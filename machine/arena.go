package machine

import "unsafe"

// arena hands out slices of one block, so that a State is copied and hashed as one run of bytes.
// Everything in it is made of integers and bools and has no padding (a test looks), hence the
// block can be read as bytes.
type arena struct {
	words []uint64
	used  int
}

func wordsFor[T any](n int) int {
	var t T
	return (n*int(unsafe.Sizeof(t)) + 7) / 8
}

func carve[T any](a *arena, n int) []T {
	if n == 0 {
		return nil
	}
	w := wordsFor[T](n)
	p := unsafe.Pointer(&a.words[a.used])
	a.used += w
	return unsafe.Slice((*T)(p), n)
}

// asBytes shows a piece of the block as bytes.
func asBytes[T any](s []T) []byte {
	if len(s) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(&s[0])), len(s)*int(unsafe.Sizeof(s[0])))
}
