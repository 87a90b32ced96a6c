package step

import "switchyard/machine"

// Straight-line execution runs the same table as Step. It differs in what it writes down: the top
// frame's program counter and the depth of the stack are brought up to date only when somebody can see
// them, that is before a step that may leave the stack and when the run ends.

// straight takes the CPU of ctx on until its stack is empty or its next step has to wait. It reports
// whether the stack is empty.
func (e *Exec) straight() bool {
	c := &e.ctx
	code := e.Prog.code
	stack, depth := e.arrive()
	if depth == 0 {
		return true
	}
	f := &stack[depth-1]
	c.F = f
	pc := f.PC
	steps := uint64(0)
	for {
		in := &code[pc]
		if in.op == opDo {
			end := in.target
			steps += uint64(end - pc)
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
			caller := c.F
			callee := &stack[depth]
			*callee = *caller
			caller.PC = pc + 1
			if in.op == opCallWith {
				e.Prog.info[pc].bind(caller, callee)
			}
			c.F = callee
			depth++
			pc = in.target
		case opCallRow, opCallRowWith:
			caller := c.F
			callee := &stack[depth]
			*callee = *caller
			if in.op == opCallRowWith {
				e.Prog.info[pc].bind(caller, callee)
			}
			c.F = callee
			end := code[in.target].target
			for at := in.target; at < end; at++ {
				e.pc = at
				code[at].do(c)
			}
			steps += uint64(end - in.target)
			c.F = caller
			pc++
		case opReturnInto:
			depth--
			if depth == 0 {
				e.leave(stack, 0, 0)
				c.F = nil
				e.Stats.Steps += steps
				return true
			}
			caller := &stack[depth-1]
			pc = caller.PC
			if result := e.Prog.info[pc-1].result; result != nil {
				result(caller, c.F)
			}
			c.F = caller
		case opReturn, opIRet:
			depth--
			if depth == 0 {
				e.leave(stack, 0, 0)
				c.F = nil
				e.Stats.Steps += steps
				return true
			}
			c.F = &stack[depth-1]
			pc = c.F.PC
		case opWait:
			if !in.cond(c) {
				e.leave(stack, depth, pc)
				e.Stats.Steps += steps
				return false
			}
			e.pc = pc
			in.do(c)
			pc++
			steps++
		case opChoose:
			n := e.Prog.choices[in.target](c)
			if n == 0 {
				e.leave(stack, depth, pc)
				e.Stats.Steps += steps
				return false
			}
			c.Choice = 0
			if e.Choose != nil && n > 1 {
				e.leave(stack, depth, pc)
				c.Choice = e.Choose(c, &e.Prog.info[pc], n)
			}
			e.pc = pc
			in.do(c)
			pc++
			steps++
		case opSwitch:
			e.leave(stack, depth, pc+1)
			e.pc = pc
			in.do(c)
			steps++
			stack, depth = e.arrive()
			pc = c.F.PC
		default:
			panic("step: a frame was pushed without a path")
		}
	}
}

func (e *Exec) arrive() ([]machine.Frame, int) {
	t := e.ctx.C.Stack
	return e.S.Room(t), int(e.S.Tasks[t].Depth)
}

// leave makes the stack what Step would have made of it, with its top frame at pc.
func (e *Exec) leave(stack []machine.Frame, depth int, pc uint32) {
	if depth > 0 {
		stack[depth-1].PC = pc
	}
	e.S.SetDepth(e.ctx.C.Stack, depth)
}
