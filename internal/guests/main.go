//go:build linux

// Guests boots real kernels under emulation, to record on them: run it from the root of the project with
//
//	go run ./internal/guests COMMAND
//
// It needs apt, Debian's keyring and QEMU, for CPUs with process-context identifiers Bochs, no root and no KVM. What it
// fetches stays in the user's cache directory.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := &cobra.Command{
		Use:           "guests",
		Short:         "Boot real kernels under emulation and record on them",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(recordSample(), checkSample(), checkRegisters(), matrix())
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "guests: %v\n", err)
		os.Exit(1)
	}
}
