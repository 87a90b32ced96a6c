//go:build linux

package main

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/guests/debian"
	"switchyard/internal/guests/kmod"
	"switchyard/registers"
	"switchyard/vmlinux"
)

// checkRegisters fetches kernels and holds the register switch of each against the calling standard. Its
// output is the table of docs/fidelity.md.
func checkRegisters() *cobra.Command {
	var kernels, arches []string
	cmd := &cobra.Command{
		Use:   "registers",
		Short: "Fetch Debian's kernels and run their register switches; prints the table of docs/fidelity.md",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return registerTable(cmd.Context(), cmd.OutOrStdout(), arches, kernels)
		},
	}
	cmd.Flags().StringSliceVar(&arches, "arch", []string{"amd64", "arm64"}, "Debian's names of architectures")
	cmd.Flags().StringSliceVar(&kernels, "kernel", []string{"6.1", "6.12", "trixie-backports/7.3"}, "cloud kernels by series, or exact package names without the architecture at their end, of bookworm or SUITE/…")
	return cmd
}

func registerTable(ctx context.Context, w io.Writer, arches, kernels []string) error {
	fmt.Fprintln(w, "| package | version | image | function | address | bytes | form | instructions | executed | unknown | preserved | `last` | stack changes |")
	fmt.Fprintln(w, "|---|---|---|---|---|--:|---|--:|--:|--:|---|---|--:|")
	held := true
	for _, arch := range arches {
		for _, k := range kernels {
			archive, which, err := openFor(ctx, k, arch)
			if err != nil {
				return err
			}
			if strings.HasPrefix(which, "linux-image-") {
				which += "-" + arch
			}
			pkg, err := archive.Kernel(ctx, which)
			if err != nil {
				return err
			}
			ok, err := registerRows(w, pkg)
			if err != nil {
				return fmt.Errorf("%s: %w", pkg.Name, err)
			}
			held = held && ok
		}
	}
	if !held {
		return fmt.Errorf("not all of them keep to the calling standard")
	}
	return nil
}

func registerRows(w io.Writer, pkg debian.Package) (bool, error) {
	tree, err := kmod.Open(pkg.Dir)
	if err != nil {
		return false, err
	}
	img, err := vmlinux.Open(tree.Image)
	if err != nil {
		return false, err
	}
	s, err := registers.FromImage(img)
	if err != nil {
		return false, err
	}
	res, err := registers.Check(s)
	if err != nil {
		return false, err
	}
	for i := range res.Runs {
		r := &res.Runs[i]
		fmt.Fprintf(w, "| %s | %s | %s | `%s` | `%#x` | %d | %s | %d | %d | %d | %s | %s | %d |\n",
			pkg.Name, pkg.Version, img.Format, s.Name, s.Addr, len(s.Code), formName(r), len(r.Code), r.Executed, len(res.Unknown()),
			preserved(r, img.Machine), verdictOf(r.Stopped == nil && r.Last.Preserved(), r.Last.Name), len(r.Changes))
		for _, b := range r.Broken {
			fmt.Fprintf(os.Stderr, "%s, %s: %s\n", pkg.Name, formName(r), b)
		}
		if r.Stopped != nil {
			fmt.Fprintf(os.Stderr, "%s, %s: %v\n", pkg.Name, formName(r), r.Stopped)
		}
	}
	return res.Holds(), nil
}

func formName(r *registers.Run) string {
	if r.Variant == "" {
		return "as linked"
	}
	return r.Variant
}

func preserved(r *registers.Run, m elf.Machine) string {
	all := "rbx, rbp, r12–r15, rsp"
	if m == elf.EM_AARCH64 {
		all = "x19–x29, sp, and x30"
	}
	return verdictOf(r.Stopped == nil && r.Preserved() && len(r.Broken) == 0, all)
}

func verdictOf(ok bool, what string) string {
	if ok {
		return what
	}
	return "**no**"
}
