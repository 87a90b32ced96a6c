//go:build linux

// Cost measures what recording costs the machine that is recorded: run it from the root of the project, with the
// rights that recording needs, as
//
//	go run ./internal/cost
//
// Two processes pinned to one CPU pass a byte to and fro through pipes, which is little more than two switches of
// address spaces; or each is pinned to a CPU of its own (--partner), and every message wakes one that is idle. They do so
// all the time: beside a BPF program that does nothing, beside one that looks at the clock, beside `switchyard record` and
// beside `perf record`, in turn, round after round, and alone before and after each. The order within a round changes, so
// that nothing always comes first. A recorder is measured when it has run for some seconds: that it starts, and touches its
// memory for the first time, is not what recording costs.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/spf13/cobra"
)

func main() {
	if len(os.Args) > 1 {
		if role, ok := roles[os.Args[1]]; ok {
			os.Exit(role(os.Args[2:]))
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "cost: %v\n", err)
		os.Exit(2)
	}
}

func command() *cobra.Command {
	var b bench
	var asJSON bool
	cmd := &cobra.Command{
		Use:           "cost",
		Short:         "What recording costs a pipe ping-pong on one CPU, beside what perf costs it",
		Args:          cobra.NoArgs,
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if b.partner < 0 {
				b.partner = b.cpu
			}
			r, err := b.run(cmd.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(r)
			}
			r.write(cmd.OutOrStdout())
			return nil
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&b.rounds, "rounds", 9, "how often each is measured")
	flags.DurationVar(&b.each, "each", time.Second, "how long one measurement takes")
	flags.IntVar(&b.cpu, "cpu", 0, "the CPU that both processes run on")
	flags.IntVar(&b.partner, "partner", -1, "another CPU for one of them, so that each switches to the idle task and back; -1: the same")
	flags.IntVar(&b.realtime, "realtime", 0, "SCHED_FIFO priority of both; 0 leaves them as they are")
	flags.StringVar(&b.binary, "switchyard", "", "this switchyard instead of one that is built for it")
	flags.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
