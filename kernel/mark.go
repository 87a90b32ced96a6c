package kernel

import "switchyard/machine"

// Whose value a Mark is. A port may have kinds of its own.
const (
	OfKernel = 0x6b65 // locals of the kernel's code
	OfUser   = 0x7573 // values of a user program
)

// Mark is a value that nobody but one task has: what its code keeps in register n. With registers on, a
// port fills registers with marks, so that one that went to another task, or got lost, shows.
func Mark(t *machine.Task, what, n int) uint64 {
	return uint64(what)<<48 | uint64(t.Serial)<<12 | uint64(n)<<2
}

// Digest is one word for many: what a program left in its registers, to be compared with what it finds.
func Digest(words ...uint64) uint64 {
	h := uint64(0xcbf29ce484222325)
	for _, w := range words {
		h = (h ^ w) * 0x100000001b3
		h ^= h >> 29
	}
	return h
}
