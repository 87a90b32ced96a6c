//go:build linux

package main

import (
	"context"
	"debug/elf"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/internal/guests/debian"
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
			cache, err := cacheDir()
			if err != nil {
				return err
			}
			return registerTable(cmd.Context(), cmd.OutOrStdout(), cache, arches, kernels)
		},
	}
	cmd.Flags().StringSliceVar(&arches, "arch", []string{"amd64", "arm64"}, "Debian's names of architectures")
	cmd.Flags().StringSliceVar(&kernels, "kernel", []string{"6.1", "6.12"}, "cloud kernels by series, or exact package names without the architecture at their end")
	return cmd
}

func registerTable(ctx context.Context, w io.Writer, cache string, arches, kernels []string) error {
	fmt.Fprintln(w, "| package | version | image | function | address | bytes | form | instructions | executed | unknown | preserved | `last` | stack changes |")
	fmt.Fprintln(w, "|---|---|---|---|---|--:|---|--:|--:|--:|---|---|--:|")
	held := true
	for _, arch := range arches {
		archive, err := debian.Open(ctx, cache, arch)
		if err != nil {
			return err
		}
		for _, k := range kernels {
			if strings.HasPrefix(k, "linux-image-") {
				k += "-" + arch
			}
			pkg, err := archive.Kernel(ctx, k)
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
	images, err := filepath.Glob(filepath.Join(pkg.Dir, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return false, fmt.Errorf("%d kernel images in its /boot", len(images))
	}
	img, err := vmlinux.Open(images[0])
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
