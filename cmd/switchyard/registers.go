package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"switchyard/machine"
	"switchyard/registers"
	"switchyard/report"
	"switchyard/vmlinux"
)

type registersCommand struct {
	image   string
	bytes   string
	arch    string
	address string
	asJSON  bool
}

func newRegistersCommand() *cobra.Command {
	var r registersCommand
	cmd := &cobra.Command{
		Use:   "registers",
		Short: "Run a kernel's own register switch, and hold it against the calling standard",
		Long: `Take cpu_switch_to (arm64) or __switch_to_asm (x86-64) out of a kernel image, disassemble it,
run those bytes on a simulated machine, and say whether a task that is switched away and comes
back on another CPU finds every register that the calling standard lets it keep, whether it
is told who ran before it, and whether the stack changes exactly once.

--vmlinux takes an ELF vmlinux, a bzImage (vmlinuz), an arm64 Image, or one of these
compressed; where symbols were stripped, the kernel's own kallsyms are used. --symbol-bytes
takes the function's bytes alone, as they are or as hexadecimal text.

The bytes are those that were linked: at boot a kernel changes some of them. On x86-64 what its
alternatives would make of the function is run as well.`,
		Example: `  switchyard registers --vmlinux /boot/vmlinuz-6.12.117+deb12-amd64
  switchyard registers --symbol-bytes cpu_switch_to.bin --arch arm64 --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return r.run(cmd.OutOrStdout()) },
	}
	cmd.Flags().StringVar(&r.image, "vmlinux", "", "kernel image to take the function out of")
	cmd.Flags().StringVar(&r.bytes, "symbol-bytes", "", "file with the bytes of the function")
	cmd.Flags().StringVar(&r.arch, "arch", "", "architecture of the bytes: arm64 or x86-64")
	cmd.Flags().StringVar(&r.address, "address", "", "address of the bytes (default: where kernels have their code)")
	cmd.Flags().BoolVar(&r.asJSON, "json", false, "print JSON; docs/json.md documents it")
	return cmd
}

func (r *registersCommand) run(w io.Writer) error {
	subject, src, err := r.subject()
	if err != nil {
		return err
	}
	res, err := registers.Check(subject)
	if err != nil {
		return err
	}
	if r.asJSON {
		err = printJSON(w, report.NewRegistersJSON(src, res))
	} else {
		err = report.WriteRegisters(report.Terminal(w), src, res)
	}
	if err != nil {
		return err
	}
	switch stopped := res.Stopped(); {
	case stopped != nil:
		return fmt.Errorf("no verdict: %w", stopped)
	case !res.Holds():
		return violated("%s does not keep to the calling standard", subject.Name)
	}
	return nil
}

func (r *registersCommand) subject() (registers.Subject, report.RegistersSource, error) {
	switch {
	case r.image != "" && r.bytes != "":
		return registers.Subject{}, report.RegistersSource{}, errors.New("--vmlinux and --symbol-bytes exclude each other")
	case r.image != "":
		if r.arch != "" || r.address != "" {
			return registers.Subject{}, report.RegistersSource{}, errors.New("--arch and --address are for --symbol-bytes: an image says both")
		}
		return fromImage(r.image)
	case r.bytes != "":
		return r.fromBytes()
	}
	return registers.Subject{}, report.RegistersSource{}, errors.New("give a kernel image with --vmlinux, or a function's bytes with --symbol-bytes")
}

func fromImage(file string) (registers.Subject, report.RegistersSource, error) {
	img, err := vmlinux.Open(file)
	if err != nil {
		return registers.Subject{}, report.RegistersSource{}, err
	}
	s, err := registers.FromImage(img)
	if err != nil {
		return s, report.RegistersSource{}, fmt.Errorf("%s: %w", file, err)
	}
	return s, report.RegistersSource{File: file, Format: img.Format, Kernel: img.Release, Names: img.Names}, nil
}

// maxSymbolBytes bounds the file; as text the function takes some four times its size.
const maxSymbolBytes = 1 << 20

func (r *registersCommand) fromBytes() (registers.Subject, report.RegistersSource, error) {
	src := report.RegistersSource{File: r.bytes, Format: "bytes"}
	var s registers.Subject
	if r.arch == "" {
		return s, src, errors.New("bytes do not say for what CPU they are: give --arch arm64 or --arch x86-64")
	}
	arch, err := machine.ParseArch(r.arch)
	if err != nil {
		return s, src, fmt.Errorf("--arch: %w", err)
	}
	s.Name, s.Arch = registers.FunctionName(arch), arch
	if s.Addr, err = r.addressFor(arch); err != nil {
		return s, src, err
	}
	f, err := os.Open(r.bytes)
	if err != nil {
		return s, src, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSymbolBytes+1))
	if err == nil && len(data) > maxSymbolBytes {
		err = fmt.Errorf("%s has more than %d bytes: it should hold one function alone", r.bytes, maxSymbolBytes)
	}
	s.Code = data
	if text, ok := fromHex(data); ok {
		s.Code = text
	}
	return s, src, err
}

func (r *registersCommand) addressFor(arch machine.Arch) (uint64, error) {
	if r.address == "" {
		if arch == machine.ARM64 {
			return 0xffff800080010000, nil
		}
		return 0xffffffff81001000, nil
	}
	addr, err := strconv.ParseUint(strings.TrimPrefix(r.address, "0x"), 16, 64)
	if err != nil {
		return 0, fmt.Errorf("--address %q is no hexadecimal number", r.address)
	}
	return addr, nil
}

// fromHex reads hexadecimal digits with space between them. Machine code is never made of these alone.
func fromHex(data []byte) ([]byte, bool) {
	code, err := hex.DecodeString(strings.Join(strings.Fields(string(data)), ""))
	return code, err == nil && len(code) > 0
}
