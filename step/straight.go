package step

import "switchyard/machine"

// Straight-line execution runs the same table as Step. It differs in what it writes down: the top
// frame's program counter and the depth of the stack are brought up to date only when somebody can see
// them, that is before a step that may leave the stack and when the run ends.

// straight takes the CPU of ctx on until its stack is empty or its next step has to wait. It reports
// whether the stack is empty. It is one long function because a recording runs it a hundred million
// times, and a call for each row of steps costs a tenth of its speed.
func (e *Exec) straight() bool {
	c := &e.ctx
	code := e.Prog.code
	stack, depth := e.arrive()
	if depth == 0 {
		return true
	}
	pc := c.F.PC
	for {
		in := &code[pc]
		if in.op == opDo {
			end := in.target
			e.Stats.Steps += uint64(end - pc)
			for ; pc < end; pc++ {
				e.pc = pc
				code[pc].do(c)
			}
			in = &code[pc]
		}
		switch in.op {
		case opBranch:
			if in.cond(c) {
				pc++
			} else {
				pc = in.target
			}
		case opJump:
			pc = in.target
		case opCall, opCallWith:
			caller, callee := c.F, &stack[depth]
			*callee = *caller
			caller.PC = pc + 1
			if in.op == opCallWith {
				e.Prog.info[pc].bind(caller, callee)
			}
			c.F = callee
			depth++
			pc = in.target
		case opCallRow, opCallRowWith:
			caller, callee := c.F, &stack[depth]
			*callee = *caller
			if in.op == opCallRowWith {
				e.Prog.info[pc].bind(caller, callee)
			}
			c.F = callee
			end := code[in.target].target
			e.Stats.Steps += uint64(end - in.target)
			for at := in.target; at < end; at++ {
				e.pc = at
				code[at].do(c)
			}
			c.F = caller
			pc++
		case opReturn, opReturnInto, opIRet:
			depth--
			if depth == 0 {
				return e.leave(0, 0)
			}
			callee := c.F
			c.F = &stack[depth-1]
			pc = c.F.PC
			if in.op == opReturnInto {
				e.take(pc, callee)
			}
		case opWait:
			if !in.cond(c) {
				return e.leave(depth, pc)
			}
			e.one(in, pc)
			pc++
		case opChoose:
			n := e.Prog.choices[in.target](c)
			if n == 0 {
				return e.leave(depth, pc)
			}
			c.Choice = 0
			if n > 1 && e.Choose != nil {
				e.leave(depth, pc)
				c.Choice = e.Choose(c, &e.Prog.info[pc], n)
			}
			e.one(in, pc)
			pc++
		case opSwitch:
			e.leave(depth, pc+1)
			e.one(in, pc)
			stack, depth = e.arrive()
			pc = c.F.PC
		default:
			panic("step: a frame was pushed without a path")
		}
	}
}

func (e *Exec) one(in *instr, pc uint32) {
	e.pc = pc
	e.Stats.Steps++
	in.do(&e.ctx)
}

// take gives the results of a callee to the call that ends just before pc.
func (e *Exec) take(pc uint32, callee *machine.Frame) {
	if result := e.Prog.info[pc-1].result; result != nil {
		result(e.ctx.F, callee)
	}
}

// arrive finds the stack that the CPU stands on, with its top frame in ctx.
func (e *Exec) arrive() ([]machine.Frame, int) {
	t := e.ctx.C.Stack
	stack, depth := e.S.Room(t), int(e.S.Tasks[t].Depth)
	if depth > 0 {
		e.ctx.F = &stack[depth-1]
	}
	return stack, depth
}

// leave makes the stack what Step would have made of it, with its top frame at pc, and reports whether
// it is empty.
func (e *Exec) leave(depth int, pc uint32) bool {
	if depth > 0 {
		e.ctx.F.PC = pc
	}
	e.S.SetDepth(e.ctx.C.Stack, depth)
	return depth == 0
}
