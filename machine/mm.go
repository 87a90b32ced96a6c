package machine

// MM is an mm_struct with the fields that a switch reads or writes.
type MM struct {
	Users int32 // mm_users
	Count int32 // mm_count

	Serial uint32 // never given out twice; also x86's context.ctx_id
	Alive  Life

	MembarrierState uint32 // mm->membarrier_state
	MembarrierReady uint32 // registrations that are complete

	// References that are counted apart, so that the ledger rules I5 and I6 can add up.
	ExtUsers int32 // mm_users held by somebody outside the switch
	ExtCount int32 // mm_count held by somebody outside the switch
	UseRefs  int32 // mm_count held by kthread_use_mm, since 6.4
	Tasks    int32 // tasks whose mm this is, kthread_use_mm not counted

	Pinned int32 // arm64 context.pinned
	// KernelSync is how many of the kernel's top-level entries the root has copied; see Global.KernelEntries.
	KernelSync uint32

	// Page-table changes, each numbered when its entries are cleared, done when its flush returned.
	Changes    uint32
	Tables     uint32 // those of them that freed page tables, numbered on their own
	Done       Seen
	TablesDone Seen

	ContextID uint64 // arm64 context.id: generation | ASID
	TLBGen    uint64 // x86 context.tlb_gen
}

// Life says what of an address space still exists.
type Life uint32

const (
	HasStruct  Life = 1 << iota // the mm_struct itself
	HasRoot                     // the pgd page
	HasTables                   // VMAs, pages and lower page tables
	HasUserRef                  // the one mm_count reference that all users share
)

// NewLife is an address space with all its parts.
const NewLife = HasStruct | HasRoot | HasTables | HasUserRef
