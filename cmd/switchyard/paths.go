package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/arch"
	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/report"
	"switchyard/step"
)

func newPathsCommand() *cobra.Command {
	var flags machineFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "paths [NAME]",
		Short: "Print a kernel path as its table of steps, or list all paths",
		Example: `  switchyard paths context_switch --release 5.0
  switchyard paths check_and_switch_context --arch arm64
  switchyard paths`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			prog, err := linkFor(&flags)
			if err != nil {
				return err
			}
			if len(args) == 0 {
				return printPaths(cmd.OutOrStdout(), prog.Paths(), asJSON)
			}
			return printPath(cmd.OutOrStdout(), prog, args[0], asJSON)
		},
	}
	flags.add(cmd.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// linkFor links the program of the machine that the flags describe.
func linkFor(f *machineFlags) (*step.Program, error) {
	c := machine.Config{Release: machine.Newest, Arch: machine.ARM64, CPUs: 1, Tasks: 1, MMs: 1, ASIDBits: 16, PCID: true}
	if err := f.apply(&c); err != nil {
		return nil, err
	}
	c.CPUs = max(c.CPUs, 1)
	c.Tasks = max(c.Tasks, c.CPUs)
	if err := c.Validate(); err != nil {
		return nil, err
	}
	return kernel.Link(&c, arch.Port(c.Arch))
}

func printPaths(w io.Writer, paths []*step.Path, asJSON bool) error {
	paths = slices.SortedFunc(slices.Values(paths), func(a, b *step.Path) int { return strings.Compare(a.Name, b.Name) })
	if !asJSON {
		return report.WritePathNames(w, paths)
	}
	out := make([]report.PathJSON, 0, len(paths))
	for _, p := range paths {
		out = append(out, report.NewPathJSON(p))
	}
	return printJSON(w, out)
}

func printPath(w io.Writer, prog *step.Program, name string, asJSON bool) error {
	for _, p := range prog.Paths() {
		if p.Name != name {
			continue
		}
		if asJSON {
			return printJSON(w, report.NewPathJSON(p))
		}
		return report.WritePath(w, p)
	}
	return fmt.Errorf("no path is named %q in this release and on this architecture: `switchyard paths` lists them", name)
}
