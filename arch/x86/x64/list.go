package x64

import (
	"slices"
	"strings"
)

// Instructions lists what is executed, by mnemonic, for documents.
func Instructions() []string {
	var all []string
	for i := range known {
		name := strings.ToLower(known[i].asm.String())
		if name == "int" {
			name = "int3" // the only software interrupt, and it is an error to reach it, as it is for ud2
		}
		all = append(all, name)
	}
	var jumps []string
	for _, c := range conditions {
		jumps = append(jumps, strings.ToLower(c.String()))
	}
	return append(append(all, "endbr64"), slices.Sorted(slices.Values(jumps))...)
}
