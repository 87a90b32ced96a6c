package step

import "switchyard/machine"

// buffer has every step of a program put what it stores into the store buffer of its CPU. It is done when a
// program is linked, so that neither the paths nor a machine without buffers need know of them.
func (p *Program) buffer() {
	for i := range p.code {
		if do := p.code[i].do; do != nil {
			p.code[i].do = func(c *Ctx) { buffered(c, do) }
		}
	}
}

// buffered runs a step of one CPU and files what it did: stores to rq->curr and to its task's mm wait in the
// buffer; a full barrier empties it; who let go of a task, or began to run one, is what others rely on.
func buffered(c *Ctx, do func(*Ctx)) {
	s, cpu, here := c.S, c.CPU, c.C
	curr, t, prev, next := here.Curr, here.Current, c.F.Prev, c.F.Next
	mm, held, ran := s.Tasks[t].MM, onCPU(s, prev), onCPU(s, next)
	here.BarrierSinceCall, here.Serialised = false, false
	do(c)
	if here.Curr != curr {
		s.StoredCurr(cpu, curr)
	}
	if s.Tasks[t].MM != mm {
		s.StoredMM(cpu, t, mm)
	}
	if here.BarrierSinceCall {
		s.Drain(cpu)
	}
	if here.Serialised {
		s.SerialiseCore(cpu)
	}
	if !ran && onCPU(s, next) {
		s.TakeOver(next)
	}
	if held && !onCPU(s, prev) {
		s.Release(cpu)
	}
	here.BarrierSinceCall, here.Serialised = false, false
}

func onCPU(s *machine.State, t machine.TaskID) bool { return t >= 0 && s.Tasks[t].OnCPU }
