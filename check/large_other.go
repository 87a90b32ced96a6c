//go:build !linux

package check

func preferHugePages([]byte) {}
