//go:build linux

package record

import (
	"bufio"
	"os"
	"strconv"
	"strings"
)

// symbol is the address of a variable of the kernel, 0 where it is not told.
func symbol(name string) uint64 {
	f, err := os.Open("/proc/kallsyms")
	if err != nil {
		return 0
	}
	defer f.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) == 3 && fields[2] == name {
			at, err := strconv.ParseUint(fields[0], 16, 64)
			if err != nil {
				return 0
			}
			return at
		}
	}
	return 0
}
