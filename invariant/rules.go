// Package invariant holds the safety rules of the switch, I1 to I32, by name.
//
// A rule is found out in one of four places. The cheap ones are looked at after every switch, by
// CheckCPU. The settled ones need the whole machine and hold when no CPU is in the middle of
// something: CheckAll. Some compare two states: CheckExec and CheckNoSwitch. The rest only a step
// itself can see, because they concern an instant: paths report those through step.Ctx.Broken.
package invariant

import "switchyard/machine"

// When says where a rule is found out.
type When string

const (
	Cheap   When = "after every switch"
	Settled When = "whenever the machine is settled"
	Across  When = "by comparing the state before with the state after"
	InSteps When = "by the step at which it would break"
)

// Rule is a safety rule of the switch.
type Rule struct {
	ID       string `json:"id"`
	Says     string `json:"says"`
	Protects string `json:"protects"`
	Checked  []When `json:"checked"`
}

// Report is told of a rule that does not hold.
type Report = func(rule string, cpu machine.CPUID, detail string)

// Rules lists all rules in order.
func Rules() []Rule { return rules }

// Known reports whether there is a rule of that name.
func Known(id string) bool {
	for i := range rules {
		if rules[i].ID == id {
			return true
		}
	}
	return false
}

var rules = []Rule{
	{"I1", "A task is current on at most one CPU; a current task is on_cpu; one that is not has its saved context to itself.",
		"Two CPUs on one kernel stack destroy each other's frames.", []When{Cheap, Settled, InSteps}},
	{"I2", "A task with an mm has it as active_mm too.",
		"The scheduler reads active_mm for what is loaded and mm for whose task it is; they must not tell two stories.", []When{Cheap, Settled, InSteps}},
	{"I3", "A task without an mm borrows one while it runs, and none while it does not.",
		"A CPU always stands on some root; a sleeping borrower would point to an address space that nobody keeps for it.", []When{Cheap, Settled}},
	{"I4", "rq->prev_mm is empty whenever no switch is under way.",
		"A loan that is left there is never repaid, or is repaid by the wrong switch.", []When{Cheap, InSteps}},
	{"I5", "mm_users is the number of tasks that have the mm as their own, and of those who hold it from outside; mappings exist as long as it is not zero.",
		"Too low, and pages vanish under a running task; too high, and memory is never freed.", []When{Settled}},
	{"I6", "mm_count is one for all users together, one for each borrower, one for each loan on its way back, and one for each holder from outside.",
		"Too low, and a page-table root is freed while a CPU stands on it; too high, and it is never freed.", []When{Settled}},
	{"I7", "An mm with users has a count of at least one; neither goes below zero, or up from zero.",
		"A reference taken on what may be free already protects nothing.", []When{Cheap, Settled, InSteps}},
	{"I8", "A freed page-table root is loaded on no CPU, borrowed by no running task and named by no rq->prev_mm.",
		"The CPU would translate kernel addresses through memory that belongs to somebody else by now.", []When{Cheap, Settled, InSteps}},
	{"I9", "Where borrowers are not counted, every CPU that borrows an mm is in its cpumask when the last reference goes, and none borrows it afterwards.",
		"A borrower that the interrupt does not reach stays on a freed root.", []When{Settled, InSteps}},
	{"I10", "When mappings and lower page tables are freed, no CPU can translate user addresses through them, borrowers included.",
		"A lazy CPU may walk page tables speculatively: freed ones would fill its TLB with garbage.", []When{Cheap, Settled, InSteps}},
	{"I11", "User code runs on its own root, with a TLB no older than what was promised when the CPU came into the mask.",
		"A process must see its own memory, and not what was unmapped before it came back.", []When{Cheap, InSteps}},
	{"I12", "x86: the slot in use belongs to the loaded mm and is not ahead of it; a CPU that is not lazy is in the mask of what it has loaded.",
		"The slot's generation decides whether a flush may be skipped.", []When{Cheap}},
	{"I13", "x86: no two slots of a CPU belong to one mm.",
		"A flush would reach one of them and leave the other stale.", []When{Cheap}},
	{"I14", "Two address spaces never have TLB entries under one identifier on one CPU; with CnP, on any two.",
		"One process would read another's memory.", []When{Settled, InSteps}},
	{"I15", "arm64: threads of one mm run with one ASID on all CPUs.",
		"A broadcast invalidation names one ASID: a second one would be missed.", []When{Settled}},
	{"I16", "arm64: the ASID that a CPU uses is marked as used.",
		"An ASID that is in use and looks free is given to somebody else.", []When{Settled}},
	{"I17", "arm64: no CPU runs an ASID of the new generation before the local flush that it owes.",
		"Entries of the ASID's last owner are still cached there.", []When{Cheap, InSteps}},
	{"I18", "arm64: a pinned ASID is given to no other mm, and after a rollover one is always free.",
		"A device walks page tables by a pinned ASID and is not told of rollovers.", []When{Settled, InSteps}},
	{"I19", "A dead task's stack and task_struct are put once, by who runs after it, when it is no longer on the CPU; no dead task wakes.",
		"Put early, the CPU stands on freed memory; put twice, somebody else's is freed; put never, it leaks.", []When{Settled, InSteps}},
	{"I20", "finish_task_switch runs once for each switch, on the CPU that switched, for the task that was really left, and releases the lock that was taken.",
		"It lets the task it is told of run elsewhere: told of the wrong one, it lets two CPUs run on one stack.", []When{Cheap, InSteps}},
	{"I21", "A full barrier lies between the last user access and the store to rq->curr, and another between that store and user mode.",
		"membarrier asks only the CPUs whose rq->curr it sees; the others must have had their barrier on the way.", []When{InSteps}},
	{"I22", "When membarrier returns, what other threads of the mm had stored when it was called is in memory; after its sync-core form none of them runs code that its CPU fetched before. Of the private forms only who registered is served.",
		"User code leaves out its own barriers because it relies on this.", []When{InSteps}},
	{"I23", "After a page-table change has been flushed, no CPU uses the old translation; a lazy one asks before it leaves laziness.",
		"The page belongs to somebody else by then.", []When{Cheap, InSteps}},
	{"I24", "The idle task of an offline CPU borrows no user address space, and the CPU has none loaded.",
		"Nobody will ever switch there again to repay the loan.", []When{Settled, InSteps}},
	{"I25", "A kernel task that execs gives back the loan that it had when active_mm was overwritten, once.",
		"No switch repays it: the task's next switch-out is that of a user task.", []When{Across}},
	{"I26", "Where next is prev nothing changes: no mm, no active_mm, no on_cpu, no count of switches.",
		"Most calls of schedule end like this; one that touched a count would break every ledger.", []When{Across}},
	{"I27", "A task finds its registers as it left them: x0 to x30, v0 to v31 and tpidr_el0 in user mode, and in the kernel what it computes with vector instructions.",
		"Registers are all that a program has of a CPU; another's values in them are wrong results, or a secret given away.", []When{InSteps}},
	{"I28", "arm64 with KPTI: in user mode TTBR1 has the trampoline's page tables, the ASID is the odd one of the pair, and no kernel page is in the TLB for every ASID.",
		"User mode could find out by timing what the kernel has mapped, or read it (Meltdown).", []When{Settled}},
	{"I29", "arm64 with KPTI: the kernel runs with its own page tables in TTBR1 and the even ASID of the pair.",
		"What the kernel uses under the odd one is in the TLB where user mode finds it.", []When{Settled}},
	{"I30", "arm64 with KPTI: no kernel page but the trampoline is global (nG is 0).",
		"A global entry is found under every ASID, that of user mode among them.", []When{Settled}},
	{"I31", "arm64 with software PAN: but for an access to user memory the kernel runs with the reserved root in TTBR0, and finds no user page under its ASID.",
		"A kernel that follows a bad pointer would read or write user memory in silence.", []When{Settled}},
	{"I32", "Classic: each root that is loaded has the kernel's top-level entries, as swapper_pg_dir had them when it was made.",
		"The CPU would find neither its next instruction nor the handler of the fault.", []When{InSteps}},
}
