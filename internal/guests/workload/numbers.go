//go:build linux

package workload

import (
	"fmt"
	"strconv"
)

// numbers reads a role's arguments: amounts, each at least 1.
func numbers(args []string, names ...string) ([]int, error) {
	if len(args) != len(names) {
		return nil, fmt.Errorf("want the arguments %q, got %q", names, args)
	}
	amounts := make([]int, len(args))
	for i, arg := range args {
		n, err := strconv.Atoi(arg)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%s must be a whole number above 0, not %q", names[i], arg)
		}
		amounts[i] = n
	}
	return amounts, nil
}

// fileAndNumber reads a role's arguments where they are a file and an amount.
func fileAndNumber(args []string, file, amount string) (string, int, error) {
	if len(args) != 2 {
		return "", 0, fmt.Errorf("want the arguments %q, got %q", []string{file, amount}, args)
	}
	n, err := numbers(args[1:], amount)
	if err != nil {
		return "", 0, err
	}
	return args[0], n[0], nil
}
