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

// spanOf finds n values that begin at v in the head that they were carved from.
func spanOf[T any](head []byte, v *T, n int) []span {
	from := int(uintptr(unsafe.Pointer(v)) - uintptr(unsafe.Pointer(&head[0])))
	return []span{{from, from + n*int(unsafe.Sizeof(*v))}}
}

func spansOf[S ~[]T, T any](head []byte, v S) []span {
	if len(v) == 0 {
		return nil
	}
	return spanOf(head, &v[0], len(v))
}

// joined is the spans one after another; those that touch become one.
func joined(all ...[]span) []span {
	var out []span
	for _, spans := range all {
		for _, s := range spans {
			if n := len(out); n > 0 && out[n-1].to == s.from {
				out[n-1].to = s.to
				continue
			}
			out = append(out, s)
		}
	}
	return out
}
