//go:build !linux

package record

import (
	"context"
	"fmt"
	"runtime"
)

// Run cannot record here.
func Run(context.Context, Options) (Result, error) {
	return Result{}, fmt.Errorf("only a Linux kernel can be recorded, and this is %s: record on the Linux machine in question; "+
		"its file can be read here with run, explain and verify", runtime.GOOS)
}
