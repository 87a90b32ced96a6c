package machine

// Stats counts what a machine did. It is not part of State: two states are the same whatever
// happened on the way to them.
type Stats struct {
	Switches         uint64
	UserToSameMM     uint64
	UserToOtherMM    uint64
	UserToKernel     uint64
	KernelToKernel   uint64
	KernelToSameMM   uint64
	KernelToOtherMM  uint64
	Loads            uint64 // page-table roots written
	LoadsAvoided     uint64 // roots that borrowing made unnecessary to write
	FullFlushes      uint64 // whole-TLB or whole-tag flushes on one CPU
	RangedFlushes    uint64 // flushes of single pages on one CPU
	KeptByTag        uint64 // roots written without a flush, because a tag tells the entries apart
	IPIs             uint64
	Allocated        uint64 // identifiers given out (ASIDs; PCID slots)
	Reused           uint64 // identifiers found again
	Rollovers        uint64
	MMsCreated       uint64
	MMsFreed         uint64
	Grabs            uint64 // atomic operations on mm_count by the switch
	Drops            uint64
	IBPBs            uint64
	Wakeups          uint64
	Steps            uint64
	UserTableFlushes uint64 // PTI: user PCID flushed on the way to user mode
}
