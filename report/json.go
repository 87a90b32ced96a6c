package report

import (
	"encoding/json"
	"fmt"
	"io"

	"switchyard/machine"
	"switchyard/replay"
)

// RunJSON is what `switchyard run FILE --json` prints. docs/json.md says what each field means, counts
// and comes from.
type RunJSON struct {
	Input        InputJSON        `json:"input"`
	Machine      MachineJSON      `json:"machine"`
	Switches     SwitchesJSON     `json:"switches"`
	AddressSpace AddressSpaceJSON `json:"address_space"`
	TLB          TLBJSON          `json:"tlb"`
	Identifiers  IdentifiersJSON  `json:"identifiers"`
	MM           MMJSON           `json:"mm"`
	Violations   []ViolationJSON  `json:"violations"`
	Scenario     *ScenarioJSON    `json:"scenario,omitempty"`
}

type InputJSON struct {
	Format     string `json:"format"`
	File       string `json:"file"`
	Events     uint64 `json:"events"`
	Switches   uint64 `json:"switches"`
	CPUs       int    `json:"cpus"`
	SpanNS     uint64 `json:"span_ns"`
	LostEvents uint64 `json:"lost_events"`
	Exact      uint64 `json:"exact"`
	Derived    uint64 `json:"derived"`
	Unknown    uint64 `json:"unknown"`
}

type MachineJSON struct {
	Release string      `json:"release"`
	Arch    string      `json:"arch"`
	Options OptionsJSON `json:"options"`
}

// OptionsJSON leaves out what the architecture does not have.
type OptionsJSON struct {
	CPUs     int    `json:"cpus"`
	Lazy     string `json:"lazy"`
	PCID     *bool  `json:"pcid,omitempty"`
	PTI      *bool  `json:"pti,omitempty"`
	ASIDBits *int   `json:"asid_bits,omitempty"`
	KPTI     *bool  `json:"kpti,omitempty"`
	CnP      *bool  `json:"cnp,omitempty"`
	PAN      *bool  `json:"pan,omitempty"`
	// Registers is said only where they are on.
	Registers bool `json:"registers,omitempty"`
}

type SwitchesJSON struct {
	Total           uint64 `json:"total"`
	UserToSameMM    uint64 `json:"user_to_same_mm"`
	UserToOtherMM   uint64 `json:"user_to_other_mm"`
	UserToKernel    uint64 `json:"user_to_kernel"`
	KernelToKernel  uint64 `json:"kernel_to_kernel"`
	KernelToSameMM  uint64 `json:"kernel_to_same_mm"`
	KernelToOtherMM uint64 `json:"kernel_to_other_mm"`
}

type AddressSpaceJSON struct {
	Loads        uint64 `json:"loads"`
	LoadsAvoided uint64 `json:"loads_avoided"`
}

type TLBJSON struct {
	FullFlushes   uint64 `json:"full_flushes"`
	KeptByTag     uint64 `json:"kept_by_tag"`
	RangedFlushes uint64 `json:"ranged_flushes"`
	IPIs          uint64 `json:"ipis"`
}

type IdentifiersJSON struct {
	Allocated uint64 `json:"allocated"`
	Reused    uint64 `json:"reused"`
	Rollovers uint64 `json:"rollovers"`
}

type MMJSON struct {
	Created       uint64 `json:"created"`
	Freed         uint64 `json:"freed"`
	Live          uint64 `json:"live"`
	PeakCount     int32  `json:"peak_count"`
	OutlivedUsers uint64 `json:"outlived_users"`
}

type ViolationJSON struct {
	Rule   string `json:"rule"`
	CPU    int    `json:"cpu"`
	TimeNS uint64 `json:"time_ns"`
	Step   string `json:"step"`
	Detail string `json:"detail"`
}

// NewRunJSON describes what a replay saw.
func NewRunJSON(r *replay.Result) RunJSON {
	in := &r.Input
	run := RunJSON{
		Input: InputJSON{Format: string(in.Format), File: in.File, Events: in.Events, Switches: in.Switches, CPUs: in.CPUs,
			SpanNS: in.Span, LostEvents: in.Lost, Exact: in.Facts.Exact, Derived: in.Facts.Derived, Unknown: in.Facts.Unknown},
		Machine:    MachineJSON{Release: r.Config.Release.String(), Arch: r.Config.Arch.String(), Options: newOptionsJSON(&r.Config)},
		MM:         MMJSON{Live: r.LiveMMs, PeakCount: r.PeakCount, OutlivedUsers: r.Outlived.Count},
		Violations: newViolationsJSON(r),
	}
	run.setStats(&r.Stats)
	return run
}

// setStats fills in what the machine counted.
func (r *RunJSON) setStats(s *machine.Stats) {
	r.Switches = SwitchesJSON{Total: s.Switches, UserToSameMM: s.UserToSameMM, UserToOtherMM: s.UserToOtherMM,
		UserToKernel: s.UserToKernel, KernelToKernel: s.KernelToKernel,
		KernelToSameMM: s.KernelToSameMM, KernelToOtherMM: s.KernelToOtherMM}
	r.AddressSpace = AddressSpaceJSON{Loads: s.Loads, LoadsAvoided: s.LoadsAvoided}
	r.TLB = TLBJSON{FullFlushes: s.FullFlushes, KeptByTag: s.KeptByTag, RangedFlushes: s.RangedFlushes, IPIs: s.IPIs}
	r.Identifiers = IdentifiersJSON{Allocated: s.Allocated, Reused: s.Reused, Rollovers: s.Rollovers}
	r.MM.Created, r.MM.Freed = s.MMsCreated, s.MMsFreed
}

func newOptionsJSON(c *machine.Config) OptionsJSON {
	o := OptionsJSON{CPUs: c.CPUs, Lazy: c.Lazy.String(), Registers: c.Registers}
	switch c.Arch {
	case machine.X86:
		o.PCID, o.PTI = &c.PCID, &c.PTI
	case machine.ARM64:
		bits := int(c.ASIDBits)
		o.ASIDBits, o.KPTI, o.CnP, o.PAN = &bits, &c.KPTI, &c.CnP, &c.PAN
	}
	return o
}

// newViolationsJSON says at the end how many were not listed, if any were not.
func newViolationsJSON(r *replay.Result) []ViolationJSON {
	all := make([]ViolationJSON, 0, len(r.Violations)+1)
	for _, v := range r.Violations {
		all = append(all, ViolationJSON{Rule: v.Rule, CPU: v.CPU, TimeNS: v.Time, Step: v.Step, Detail: v.Detail})
	}
	if more := r.ViolationCount - len(r.Violations); more > 0 {
		all = append(all, ViolationJSON{Rule: "more", CPU: -1, Detail: fmt.Sprintf("%d further violations are not listed", more)})
	}
	return all
}

// WriteRunJSON prints what a replay saw as one JSON object.
func WriteRunJSON(w io.Writer, r *replay.Result) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return e.Encode(NewRunJSON(r))
}
