package machine

// Seen is a set of page-table changes, numbered from 1: all up to Base, and those of the next 32
// whose bit is set. It is canonical: equal sets are equal values.
type Seen struct {
	Base uint32
	Bits uint32
}

// SeenUpTo is the set of the changes 1 to n.
func SeenUpTo(n uint32) Seen { return Seen{Base: n} }

// Has reports whether n is in the set.
func (s Seen) Has(n uint32) bool {
	if n <= s.Base {
		return true
	}
	d := n - s.Base - 1
	return d < 32 && s.Bits&(1<<d) != 0
}

// Add puts n into the set. A change more than 32 ahead of Base is left out: the set then claims
// less than it could, which can only make a TLB entry look older than it is.
func (s *Seen) Add(n uint32) {
	if n <= s.Base {
		return
	}
	if d := n - s.Base - 1; d < 32 {
		s.Bits |= 1 << d
	}
	for s.Bits&1 != 0 {
		s.Bits >>= 1
		s.Base++
	}
}

// Covers reports whether every change of o is in s.
func (s Seen) Covers(o Seen) bool {
	if s.Base >= o.Base && o.Bits == 0 {
		return true
	}
	for n := s.Base + 1; n <= o.Base; n++ {
		if !s.Has(n) {
			return false
		}
	}
	for b := o.Bits; b != 0; b &= b - 1 {
		d := uint32(0)
		for b>>d&1 == 0 {
			d++
		}
		if !s.Has(o.Base + 1 + d) {
			return false
		}
	}
	return true
}

// TLBEntry stands for all translations that a CPU caches under one tag. Owner 0 is an empty entry.
type TLBEntry struct {
	Tag   uint32 `name:"tag,hex"` // ASID or PCID; 0 where the port has none
	Owner uint32 `name:"owner"`   // Serial of the mm whose tables were walked
	Seen  Seen   `name:"seen"`    // changes of that mm that no cached translation contradicts
	Walk  Seen   `name:"walk"`    // likewise for cached intermediate levels and the changes that freed page tables
}

// SeveralOwners is the Owner of an entry that stands for translations from the tables of more than one address space,
// under one tag: whoever uses it may find another one's.
const SeveralOwners = ^uint32(0)

// WalkedEntry is what a walk of mm's tables leaves under a tag where nothing was cached.
func WalkedEntry(mm *MM, tag uint32) TLBEntry {
	return TLBEntry{Tag: tag, Owner: mm.Serial, Seen: SeenUpTo(mm.Changes), Walk: SeenUpTo(mm.Tables)}
}

// Walk caches on cpu under tag what it finds in mm's tables, beside what is there: an older translation of the same
// page stays. It reports whether the TLB holds anything new.
func (s *State) Walk(cpu CPUID, tag uint32, mm *MM) bool {
	e := s.TLBSlot(cpu, tag)
	switch {
	case e.Owner == 0:
		*e = WalkedEntry(mm, tag)
	case e.Tag == tag && e.Owner != mm.Serial && e.Owner != SeveralOwners:
		*e = TLBEntry{Tag: tag, Owner: SeveralOwners}
	default:
		return false
	}
	return true
}

// TLB returns the TLB model of a CPU.
func (s *State) TLB(cpu CPUID) []TLBEntry {
	n := s.Config.TLBSlots
	return s.TLBs[int(cpu)*n : int(cpu)*n+n]
}

// TLBSlot returns the entry where tag is kept on cpu: a direct-mapped TLB, in which tags that
// share a place evict each other, as a small real TLB does.
func (s *State) TLBSlot(cpu CPUID, tag uint32) *TLBEntry {
	n := s.Config.TLBSlots
	return &s.TLBs[int(cpu)*n+int(tag)%n]
}

// Cached returns the entry for tag on cpu, or nil where nothing is cached under it.
func (s *State) Cached(cpu CPUID, tag uint32) *TLBEntry {
	e := s.TLBSlot(cpu, tag)
	if e.Owner == 0 || e.Tag != tag {
		return nil
	}
	return e
}

// FlushTag drops what cpu caches under tag.
func (s *State) FlushTag(cpu CPUID, tag uint32) {
	if e := s.Cached(cpu, tag); e != nil {
		*e = TLBEntry{}
	}
}

// FlushTLB drops all that cpu caches.
func (s *State) FlushTLB(cpu CPUID) {
	clear(s.TLB(cpu))
}

// FlushChange makes what cpu caches of mm under tag honour one page-table change, as the invalidation of
// just its pages does. x86's INVLPG and arm64's TLBI by address also drop intermediate levels;
// tables is the change's number among those that freed page tables, 0 for none. What is another address space's loses
// a page that means nothing to it, and none of its own changes is honoured by that.
func (s *State) FlushChange(cpu CPUID, tag uint32, mm *MM, change, tables uint32) {
	e := s.Cached(cpu, tag)
	if e == nil || e.Owner != mm.Serial {
		return
	}
	e.Seen.Add(change)
	if tables != 0 {
		e.Walk.Add(tables)
	}
}
