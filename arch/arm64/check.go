package arm64

import "switchyard/machine"

// loaded says which address space cpu runs on and under which number, as far as it is outside of the
// code that changes them; else the first result is machine.NoMM. With software PAN that is what the
// running task has saved.
func loaded(s *machine.State, cpu machine.CPUID) (machine.MMID, uint32) {
	c := &s.CPUs[cpu]
	t := &s.Tasks[c.Current]
	mm, tag := c.Root, s.ARM64[cpu].HWASID
	if s.Config.PAN {
		mm, tag = t.SavedMM, t.SavedTag
	}
	if c.InSwitch || mm == machine.NoMM || mm != t.ActiveMM {
		return machine.NoMM, 0
	}
	if s.Config.KPTI {
		tag &^= userASID
	}
	return mm, tag
}

// CheckCPU reports what is wrong with the registers, the ASID and the TLB of cpu. It may be called
// between any two steps.
func CheckCPU(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	checkRoot(s, cpu, report)
	checkAllocator(s, cpu, report)
	checkTLB(s, cpu, report)
	checkRegisters(s, cpu, report)
	for i := range s.CPUs {
		if machine.CPUID(i) != cpu {
			checkPair(s, cpu, machine.CPUID(i), report)
		}
	}
}

// CheckAll reports what is wrong on any CPU, and with the ids of the address spaces.
func CheckAll(s *machine.State, report func(rule, detail string)) {
	for i := range s.CPUs {
		cpu := machine.CPUID(i)
		checkRoot(s, cpu, report)
		checkAllocator(s, cpu, report)
		checkTLB(s, cpu, report)
		checkRegisters(s, cpu, report)
		for j := i + 1; j < len(s.CPUs); j++ {
			checkPair(s, cpu, machine.CPUID(j), report)
		}
	}
	checkIDs(s, report)
	checkSaved(s, report)
	if s.Config.EntryCode {
		for i := range s.CPUs {
			checkEntryCode(s, machine.CPUID(i), report)
		}
	}
}

func checkRoot(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	root := s.CPUs[cpu].Root
	if root == machine.NoMM {
		return
	}
	if root == machine.InitMM {
		report("I8", "swapper_pg_dir is loaded in TTBR0")
	}
	if s.MMs[root].Alive&machine.HasRoot == 0 {
		report("I8", "TTBR0 holds a page-table root that was freed")
	}
}

// checkAllocator looks at what the allocator knows of cpu. While somebody holds cpu_asid_lock a rollover
// may be half done, so most of it has to wait until the lock is free.
func checkAllocator(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	a := &s.ARM64[cpu]
	if a.FlushPending && a.ActiveASID != 0 {
		report("I17", "a CPU has an active ASID of this generation but still owes the flush of the last rollover")
	}
	if s.Global.ASIDLockedBy != machine.NoCPU {
		return
	}
	id := a.ActiveASID
	if id != 0 && !sameGeneration(s, id) {
		report("I17", "active_asids holds an ASID of an older generation")
	}
	if id == 0 {
		id = a.ReservedASID
	}
	if id != 0 && !taken(s, number(&s.Config, id)) {
		report("I16", "the ASID that a CPU is said to run on is free in the map")
	}
	if mm, tag := loaded(s, cpu); mm != machine.NoMM && number(&s.Config, uint64(tag)) != number(&s.Config, id) {
		report("I16", "the ASID that the hardware uses is neither active nor reserved: it may be given away")
	}
}

// taken reports whether a number is marked as used in asid_map.
func taken(s *machine.State, n uint32) bool {
	if s.Config.KPTI && s.Config.Release < machine.V6_1 {
		n >>= 1
	}
	return mapHas(s.ASIDMap, n)
}

// checkTLB looks at what an access under the loaded ASID would find.
func checkTLB(s *machine.State, cpu machine.CPUID, report func(rule, detail string)) {
	mm, tag := loaded(s, cpu)
	if mm == machine.NoMM {
		return
	}
	checkEntry(s, cpu, &s.MMs[mm], tag, report)
	if s.Config.KPTI {
		checkEntry(s, cpu, &s.MMs[mm], tag|userASID, report)
	}
}

func checkEntry(s *machine.State, cpu machine.CPUID, mm *machine.MM, tag uint32, report func(rule, detail string)) {
	e := s.Cached(tlbOf(s, cpu), tag)
	switch {
	case e == nil:
	case e.Owner != mm.Serial:
		report("I14", "the TLB holds entries of another address space under the ASID in use")
	case !e.Walk.Covers(mm.TablesDone):
		report("I10", "the TLB holds what it read from page tables that were freed")
	case !e.Seen.Covers(mm.Done):
		report("I23", "the TLB holds a translation that was unmapped and flushed")
	}
}

// checkPair looks at two CPUs: threads share an ASID, and with CnP nobody else does.
func checkPair(s *machine.State, a, b machine.CPUID, report func(rule, detail string)) {
	mmA, tagA := loaded(s, a)
	mmB, tagB := loaded(s, b)
	if mmA != machine.NoMM && mmA == mmB && tagA != tagB {
		report("I15", "two CPUs run the same address space with different ASIDs")
	}
	if !s.Config.CnP {
		return
	}
	// With CnP it counts at every instant: an entry that one CPU fills serves the other.
	rootA, rootB := s.CPUs[a].Root, s.CPUs[b].Root
	if rootA != machine.NoMM && rootB != machine.NoMM && rootA != rootB &&
		(s.ARM64[a].HWASID|userBit(s)) == (s.ARM64[b].HWASID|userBit(s)) {
		report("I14", "two CPUs that share TLB entries use one ASID for different address spaces")
	}
}

func userBit(s *machine.State) uint32 {
	if s.Config.KPTI {
		return userASID
	}
	return 0
}

// checkIDs: in one generation a number belongs to one mm.
func checkIDs(s *machine.State, report func(rule, detail string)) {
	if s.Global.ASIDLockedBy != machine.NoCPU {
		return
	}
	var seen [1 << 16 / 64]uint64
	for i := range s.MMs {
		mm := &s.MMs[i]
		if mm.Alive&machine.HasStruct == 0 || mm.ContextID == 0 {
			continue
		}
		n := number(&s.Config, mm.ContextID)
		current := sameGeneration(s, mm.ContextID)
		if mm.Pinned > 0 && !mapHas(s.PinnedMap, n) {
			report("I18", "a pinned ASID is not in the map of pinned ones")
		}
		if !current && mm.Pinned == 0 {
			continue
		}
		if mapHas(seen[:], n) {
			report(rule(mm), "two address spaces have the same ASID in this generation, or one has what the other has pinned")
		}
		mapSet(seen[:], n)
		if current && !taken(s, n) {
			report("I16", "an address space has an ASID of this generation that is free in the map")
		}
	}
}

func rule(mm *machine.MM) string {
	if mm.Pinned > 0 {
		return "I18"
	}
	return "I14"
}
