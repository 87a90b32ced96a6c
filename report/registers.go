package report

import (
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"switchyard/machine/mem"
	"switchyard/registers"
)

// RegistersJSON is what `switchyard registers --json` prints.
type RegistersJSON struct {
	File     string             `json:"file"`
	Format   string             `json:"format"`         // of the image; "bytes" for bytes alone
	Kernel   string             `json:"kernel_release"` // empty where it is not known
	Names    string             `json:"names"`          // where the function's address comes from
	Arch     string             `json:"arch"`
	Function string             `json:"function"`
	Address  string             `json:"address"`
	Bytes    int                `json:"bytes"`
	Runs     []RegistersRunJSON `json:"runs"`
	Unknown  []InstructionJSON  `json:"unknown"`
	Holds    bool               `json:"holds"`
}

// RegistersRunJSON is what one form of the code did.
type RegistersRunJSON struct {
	Variant      string             `json:"variant"` // "as linked", or the CPU feature that it is for
	Code         []InstructionJSON  `json:"code"`
	Instructions int                `json:"instructions"`
	Executed     int                `json:"executed"`
	Registers    []RegisterJSON     `json:"registers"`
	Preserved    bool               `json:"preserved"`
	Last         RegisterJSON       `json:"last"`
	Current      string             `json:"current"`
	StackChanges []StackChangesJSON `json:"stack_changes"`
	Stores       []StoreJSON        `json:"stores"`
	Broken       []string           `json:"broken"`
	Stopped      string             `json:"stopped"`
}

// InstructionJSON is an instruction as it was decoded.
type InstructionJSON struct {
	Address string `json:"address"`
	Bytes   string `json:"bytes"`
	Text    string `json:"text"`
	Unknown bool   `json:"unknown"`
	Target  string `json:"target"` // the symbol that a jump leads to, or empty
}

// RegisterJSON is a register of a task before and after it was away.
type RegisterJSON struct {
	Name      string `json:"name"`
	Left      string `json:"left"`
	Back      string `json:"back"`
	Preserved bool   `json:"preserved"`
}

// StackChangesJSON is an instruction that moved the stack pointer to another stack.
type StackChangesJSON struct {
	Address string `json:"address"`
	Text    string `json:"text"`
	From    string `json:"from"`
	To      string `json:"to"`
}

// StoreJSON is a word that the switch wrote.
type StoreJSON struct {
	Place string `json:"place"`
	Value string `json:"value"`
}

// RegistersSource says where the function comes from.
type RegistersSource struct {
	File, Format, Kernel, Names string
}

// NewRegistersJSON describes a result.
func NewRegistersJSON(src RegistersSource, r *registers.Result) RegistersJSON {
	s := &r.Subject
	out := RegistersJSON{File: src.File, Format: src.Format, Kernel: src.Kernel, Names: src.Names, Arch: s.Arch.String(),
		Function: s.Name, Address: hexNumber(s.Addr), Bytes: len(s.Code), Unknown: []InstructionJSON{}, Holds: r.Holds()}
	for _, in := range r.Unknown() {
		out.Unknown = append(out.Unknown, newInstructionJSON(s, in))
	}
	for i := range r.Runs {
		out.Runs = append(out.Runs, newRegistersRunJSON(s, &r.Runs[i]))
	}
	return out
}

func newRegistersRunJSON(s *registers.Subject, r *registers.Run) RegistersRunJSON {
	out := RegistersRunJSON{Variant: variantName(r), Instructions: len(r.Code), Executed: r.Executed, Preserved: r.Preserved(),
		Last: newRegisterJSON(r.Last), Current: r.Current, Code: []InstructionJSON{}, Registers: []RegisterJSON{},
		StackChanges: []StackChangesJSON{}, Stores: []StoreJSON{}, Broken: append([]string{}, r.Broken...)}
	for _, in := range r.Code {
		out.Code = append(out.Code, newInstructionJSON(s, in))
	}
	for _, k := range r.Kept {
		out.Registers = append(out.Registers, newRegisterJSON(k))
	}
	for _, c := range r.Changes {
		out.StackChanges = append(out.StackChanges, StackChangesJSON{hexNumber(c.Addr), c.Text, c.From, c.To})
	}
	for _, st := range r.Stores {
		out.Stores = append(out.Stores, StoreJSON{st.Place, st.Value})
	}
	if r.Stopped != nil {
		out.Stopped = r.Stopped.Error()
	}
	return out
}

func newRegisterJSON(r registers.Register) RegisterJSON {
	return RegisterJSON{r.Name, hexNumber(r.Left), hexNumber(r.Back), r.Preserved() && r.Name != ""}
}

func newInstructionJSON(s *registers.Subject, in registers.Instruction) InstructionJSON {
	return InstructionJSON{hexNumber(in.Addr), hex.EncodeToString(in.Bytes), in.Text, in.Unknown, targetName(s, in)}
}

func hexNumber(v uint64) string { return fmt.Sprintf("%#x", v) }

func variantName(r *registers.Run) string {
	if r.Variant == "" {
		return "as linked"
	}
	return r.Variant
}

// targetName names what a jump out of the function leads to.
func targetName(s *registers.Subject, in registers.Instruction) string {
	if in.Target == 0 || s.Symbol == nil || in.Target-s.Addr < uint64(len(s.Code)) {
		return ""
	}
	return s.Symbol(in.Target)
}

// WriteRegisters prints a result for a person.
func WriteRegisters(w io.Writer, src RegistersSource, r *registers.Result) error {
	s := &r.Subject
	fmt.Fprintf(w, "%s  %s\n", title.Render(src.File), src.Format)
	if src.Kernel != "" {
		fmt.Fprintf(w, "  kernel    Linux %s, %s\n", src.Kernel, s.Arch)
	} else {
		fmt.Fprintf(w, "  for       %s\n", s.Arch)
	}
	fmt.Fprintf(w, "  function  %s at %#x, %d bytes", s.Name, s.Addr, len(s.Code))
	if src.Names != "" {
		fmt.Fprintf(w, "; by the image's %s", src.Names)
	}
	fmt.Fprintln(w)
	for i := range r.Runs {
		fmt.Fprintln(w)
		if err := writeRegistersRun(w, s, &r.Runs[i]); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return writeRegistersVerdict(w, r)
}

func writeRegistersRun(w io.Writer, s *registers.Subject, r *registers.Run) error {
	name := "As linked"
	if r.Variant != "" {
		name = "On a CPU " + r.Variant
	}
	fmt.Fprintln(w, heading.Render(name))
	var table strings.Builder
	tw := tabwriter.NewWriter(&table, 0, 0, 2, ' ', 0)
	for i := 0; i < len(r.Code); i++ {
		in := r.Code[i]
		n := repeats(r.Code[i:])
		note := ""
		switch target := targetName(s, in); {
		case in.Unknown:
			note = "not simulated"
		case target != "":
			note = "→ " + target
		case n > 1:
			note = fmt.Sprintf("%d of them", n)
		}
		text := in.Text
		if text == "" {
			text = "?"
		}
		fmt.Fprintf(tw, "  %x\t%x\t%s\t%s\n", in.Addr, in.Bytes, text, note)
		i += n - 1
	}
	if err := tw.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(table.String()) {
		fmt.Fprintln(w, strings.TrimRight(line, " \n"))
	}
	fmt.Fprintln(w)
	if r.Stopped == nil {
		writeRegistersFacts(w, r)
	} else {
		fmt.Fprintf(w, "  %s  %v\n", alarm.Render("stopped"), r.Stopped)
	}
	for _, b := range r.Broken {
		fmt.Fprintf(w, "  %s  %s\n", alarm.Render("broken"), b)
	}
	return nil
}

// repeats counts how often the first instruction stands in a row.
func repeats(code []registers.Instruction) int {
	n := 1
	for n < len(code) && string(code[n].Bytes) == string(code[0].Bytes) && !code[n].Unknown {
		n++
	}
	return n
}

func writeRegistersFacts(w io.Writer, r *registers.Run) {
	fmt.Fprintf(w, "  executed   %d instructions from the call to the next task's return\n", r.Executed)
	if len(r.Kept) == 0 {
		return // it never got that far
	}
	var kept, lost []string
	for i := range r.Kept {
		if r.Kept[i].Preserved() {
			kept = append(kept, r.Kept[i].Name)
		} else {
			lost = append(lost, r.Kept[i].Name)
		}
	}
	fmt.Fprintf(w, "  preserved  %s\n", strings.Join(kept, " "))
	if len(lost) > 0 {
		fmt.Fprintf(w, "  %s       %s\n", alarm.Render("lost"), strings.Join(lost, " "))
	}
	if r.Last.Preserved() {
		fmt.Fprintf(w, "  last       %s: the task that it was switched from, not the one it left for\n", r.Last.Name)
	}
	if r.Current != "" {
		fmt.Fprintf(w, "  current    sp_el0 names %s, to which it was switched\n", r.Current)
	}
	for _, c := range r.Changes {
		fmt.Fprintf(w, "  stack      from %s's to %s's by %s at %#x\n", c.From, c.To, c.Text, c.Addr)
	}
	const perLine = 3
	for i := 0; i < len(r.Stores); i += perLine {
		var some []string
		for _, st := range r.Stores[i:min(i+perLine, len(r.Stores))] {
			some = append(some, st.Place+" = "+st.Value)
		}
		label := ""
		if i == 0 {
			label = "stores"
		}
		fmt.Fprintf(w, "  %-9s  %s\n", label, strings.Join(some, ", "))
	}
}

func writeRegistersVerdict(w io.Writer, r *registers.Result) error {
	for _, in := range r.Unknown() {
		u := mem.Undefined{PC: in.Addr, Encoding: in.Bytes, Text: in.Text}
		fmt.Fprintf(w, "%s  %v\n", warning.Render("Unknown"), &u)
	}
	switch {
	case r.Holds():
		_, err := fmt.Fprintf(w, "%s: the calling standard is kept\n", good.Render("Holds"))
		return err
	case r.Stopped() != nil:
		_, err := fmt.Fprintf(w, "%s: not all of it could be run\n", warning.Render("No verdict"))
		return err
	}
	_, err := fmt.Fprintf(w, "%s: the calling standard is not kept\n", alarm.Render("Broken"))
	return err
}
