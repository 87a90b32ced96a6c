package replay

// pidTable finds tasks by pid. Pids are small numbers (up to 4194304 on any kernel), so that a table
// of pages is both small and quick; what a damaged recording says beyond that goes into a map.
type pidTable struct {
	pages [pidPages]*[pidPage]int32 // position in run.tasks, plus one
	rest  map[int32]int32
}

const (
	pidPage  = 1024
	pidPages = 4 << 20 / pidPage
)

// noTask says that nothing is known of a task.
const noTask = -1

func (p *pidTable) get(pid int32) int32 {
	i := uint32(pid)
	if i >= pidPages*pidPage {
		return p.rest[pid] - 1
	}
	page := p.pages[i/pidPage]
	if page == nil {
		return noTask
	}
	return page[i%pidPage] - 1
}

func (p *pidTable) set(pid, task int32) {
	i := uint32(pid)
	if i >= pidPages*pidPage {
		if p.rest == nil {
			p.rest = map[int32]int32{}
		}
		p.rest[pid] = task + 1
		return
	}
	page := &p.pages[i/pidPage]
	if *page == nil {
		*page = new([pidPage]int32)
	}
	(*page)[i%pidPage] = task + 1
}

// remove forgets a pid.
func (p *pidTable) remove(pid int32) {
	if uint32(pid) >= pidPages*pidPage {
		delete(p.rest, pid)
		return
	}
	p.set(pid, noTask)
}
