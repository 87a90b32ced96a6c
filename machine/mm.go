package machine

// MM is an mm_struct with the fields that a switch reads or writes.
type MM struct {
	Users int32 `name:"mm_users"` // mm_users
	Count int32 `name:"mm_count"` // mm_count

	Serial uint32 `name:"context.ctx_id"` // never given out twice; also x86's context.ctx_id
	Alive  Life   `name:"exists"`

	MembarrierState uint32 `name:"membarrier_state"` // mm->membarrier_state
	MembarrierReady uint32 `name:"membarrier_ready"` // registrations that are complete

	// References that are counted apart, so that the ledger rules I5 and I6 can add up.
	ExtUsers int32 `name:"mm_users (outside)"`        // mm_users held by somebody outside the switch
	ExtCount int32 `name:"mm_count (outside)"`        // mm_count held by somebody outside the switch
	UseRefs  int32 `name:"mm_count (kthread_use_mm)"` // mm_count held by kthread_use_mm, since 6.4
	Tasks    int32 `name:"tasks"`                     // tasks whose mm this is, kthread_use_mm not counted

	Pinned int32 `name:"context.pinned"` // arm64 context.pinned
	// KernelSync is how many of the kernel's top-level entries the root has copied; see Global.KernelEntries.
	KernelSync uint32 `name:"pgd.kernel_entries"`

	// Page-table changes, each numbered when its entries are cleared, done when its flush returned.
	Changes    uint32 `name:"changes"`
	Tables     uint32 `name:"changes (tables)"` // those of them that freed page tables, numbered on their own
	Done       Seen   `name:"changes done"`
	TablesDone Seen   `name:"changes done (tables)"`

	ContextID uint64 `name:"context.id,hex"`  // arm64 context.id: generation | ASID
	TLBGen    uint64 `name:"context.tlb_gen"` // x86 context.tlb_gen
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
