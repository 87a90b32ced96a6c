package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"switchyard/record"
)

type recordCommand struct {
	out    string
	length time.Duration
	buffer int
	asJSON bool
}

func newRecordCommand() *cobra.Command {
	var r recordCommand
	cmd := &cobra.Command{
		Use:   "record -o FILE [--duration 10s] [-- COMMAND…]",
		Short: "Record every context switch of this machine's kernel, with its address spaces",
		Long: `Record every context switch of the running kernel, with what no tracer shows: whose address space was
loaded, who had borrowed it, how many references there were.

Recording ends with COMMAND, after --duration, or with Ctrl-C, which keeps what was recorded. The file
can be run and explained like any recording, verify holds the machine against it, and pandas, DuckDB and
Polars open it: docs/recording.md tells its columns.

It needs Linux 6.1 or newer with BTF, and CAP_BPF and CAP_PERFMON.`,
		Example: `  sudo switchyard record -o make.arrow -- make -j8
  sudo switchyard record -o 10s.arrow --duration 10s`,
		RunE: func(cmd *cobra.Command, args []string) error { return r.run(cmd.Context(), args, cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVarP(&r.out, "output", "o", "", "file to write")
	cmd.Flags().DurationVar(&r.length, "duration", 0, "how long to record (default: until COMMAND ends, or Ctrl-C)")
	cmd.Flags().IntVar(&r.buffer, "buffer", record.DefaultBuffer>>20, "size of the kernel's buffer in MB; the CPUs share it out evenly")
	cmd.Flags().BoolVar(&r.asJSON, "json", false, "print JSON at the end; docs/json.md documents it")
	if err := cmd.MarkFlagRequired("output"); err != nil {
		panic(err) // the flag is there: see above
	}
	return cmd
}

func (r *recordCommand) run(ctx context.Context, command []string, stdout io.Writer) error {
	if r.length < 0 {
		return fmt.Errorf("--duration %v: a recording cannot end before it begins", r.length)
	}
	if r.buffer < 1 || r.buffer > 1024 {
		return fmt.Errorf("--buffer %d: a buffer has 1 to 1024 MB", r.buffer)
	}
	out, err := os.Create(r.out)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var ran chan error
	o := record.Options{Out: out, Buffer: r.buffer << 20, For: r.length, Command: strings.Join(command, " "), Tool: "switchyard record"}
	if len(command) > 0 {
		ran = make(chan error, 1)
	}
	started := false
	o.Started = func() {
		started = true
		if ran != nil {
			go func() {
				ran <- runCommandIn(ctx, command)
				stop()
			}()
		}
	}
	line := statusLine{out: out}
	if term.IsTerminal(int(os.Stderr.Fd())) {
		o.Progress = line.show
	}
	result, err := record.Run(ctx, o)
	line.clear()
	if ran != nil && started {
		stop()
		if e := <-ran; e != nil {
			fmt.Fprintf(os.Stderr, "switchyard: %s: %v\n", command[0], e)
		}
	}
	if err := errors.Join(err, out.Close()); err != nil {
		return err
	}
	return r.summary(&result, stdout)
}

// runCommandIn runs the command that is recorded. When the recording ends first it is left alone until it ends by itself,
// unless Ctrl-C has reached it too.
func runCommandIn(ctx context.Context, argv []string) error {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && ctx.Err() != nil {
		return nil
	}
	return err
}

// recordJSON is what record --json prints.
type recordJSON struct {
	File     string   `json:"file"`
	Bytes    int64    `json:"bytes"`
	Seconds  float64  `json:"seconds"`
	Events   uint64   `json:"events"`
	Switches uint64   `json:"switches"`
	Loads    uint64   `json:"loads"`
	Lost     uint64   `json:"lost"`
	Gaps     uint64   `json:"gaps"`
	Skipped  uint64   `json:"skipped"`
	Missing  []string `json:"missing"`
}

func (r *recordCommand) summary(result *record.Result, stdout io.Writer) error {
	info, err := os.Stat(r.out)
	if err != nil {
		return err
	}
	if r.asJSON {
		return printJSON(stdout, recordJSON{r.out, info.Size(), result.Elapsed.Seconds(), result.Events, result.Switches, result.Loads, result.Dropped, result.Gaps,
			result.Missed, append([]string{}, result.Missing...)})
	}
	fmt.Fprintf(os.Stderr, "%s: %d switches in %.1f s, %s", r.out, result.Switches, result.Elapsed.Seconds(), size(info.Size()))
	if result.Switches > 0 {
		fmt.Fprintf(os.Stderr, " (%.1f bytes a switch)", float64(info.Size())/float64(result.Switches))
	}
	fmt.Fprintln(os.Stderr)
	if len(result.Missing) > 0 {
		fmt.Fprintf(os.Stderr, "this kernel lacks: %s\n", strings.Join(result.Missing, ", "))
	}
	if result.Dropped > 0 {
		fmt.Fprintf(os.Stderr, "%d events were lost: record with a larger --buffer\n", result.Dropped)
	}
	if result.Gaps > 0 {
		fmt.Fprintf(os.Stderr, "%d switches away from a task were not seen (%d times the kernel skipped a program that ran already)\n", result.Gaps, result.Missed)
	}
	return nil
}

// statusLine tells on a terminal how a recording goes.
type statusLine struct {
	out   *os.File
	last  record.Progress
	shown bool
}

func (s *statusLine) show(p record.Progress) {
	rate := 0.0
	if d := p.Elapsed - s.last.Elapsed; d > 0 {
		rate = float64(p.Switches-s.last.Switches) / d.Seconds()
	}
	share := 0.0
	if p.Switches > 0 {
		share = 100 * float64(p.Loads) / float64(p.Switches)
	}
	var bytes int64
	if info, err := s.out.Stat(); err == nil {
		bytes = info.Size()
	}
	fmt.Fprintf(os.Stderr, "\r\x1b[K%4.0f s  %9d switches  %7.0f/s  %4.1f %% load an address space  %d lost  %s",
		p.Elapsed.Seconds(), p.Switches, rate, share, p.Dropped+p.Gaps, size(bytes))
	s.last, s.shown = p, true
}

func (s *statusLine) clear() {
	if s.shown {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}

func size(bytes int64) string {
	if bytes < 1<<20 {
		return fmt.Sprintf("%.1f kB", float64(bytes)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(bytes)/1e6)
}
