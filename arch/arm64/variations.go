package arm64

import (
	"slices"

	"switchyard/kernel"
	"switchyard/machine"
)

func sharesTLB(c *machine.Config) bool { return c.CnP }

// Variations lists the port's variations in the form that scenarios, the checker and the stepper ask for.
func (Port) Variations() []kernel.Variation {
	return append([]kernel.Variation{
		{Name: "arm64-xchg-fast-path", Breaks: "I14", Put: XchgFastPath(),
			What: "The fast path exchanges active_asids whatever it holds, so a zero that a rollover left there is lost (up to 4.15; fixed by a8ffaaa060b8)."},
		{Name: "arm64-first-reserved-only", Breaks: "I14", Put: FirstReservedOnly(),
			What: "A reserved ASID is renewed on the first CPU that is found to hold it, and not on the others (up to 4.3)."},
		{Name: "arm64-no-reserved", Breaks: "I16", Put: NoReserved(),
			What: "A rollover keeps nothing for CPUs that go on running what they ran."},
		{Name: "arm64-flush-at-rollover", Breaks: "I14", Put: FlushAtRollover(),
			What: "A rollover flushes all TLBs at once, and no CPU flushes before it runs on a new ASID: one that is between active_asids and TTBR0 refills its TLB from a root whose ASID is given away."},
		{Name: "arm64-root-before-asid", Breaks: "I14", Put: RootBeforeASID(),
			What: "TTBR0 gets the next root while the ASID is still the old one's: a walk in between files what it finds under somebody else's ASID."},
		{Name: "arm64-shared-root-kept", Breaks: "I14", Put: SharedRootKept(), Only: sharesTLB,
			What: "Where CPUs share TLB entries (CnP) TTBR0 keeps the old root while its ASID is given up."},
		{Name: "arm64-generation-in-hardware", Breaks: "I15", Put: GenerationInHardware(),
			What: "Low bits of the generation reach a hardware field that is wider than asid_bits (fixed by c0900d15d31c, 2024)."},
		{Name: "arm64-stale-tlbi", Breaks: "I23", Put: StaleTLBI(),
			What: "The ASID for an invalidation is read before the page-table entries are cleared (up to 5.14; fixed by 5e10f9887ed8)."},
	}, slices.Concat(registerVariations(), vectorVariations(), entryVariations())...)
}
