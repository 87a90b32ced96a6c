package scenario

import (
	"runtime/metrics"

	"go.starlark.net/starlark"
)

// A scenario comes from anywhere, so what it may use is bounded.
const (
	maxSource     = 256 << 10 // bytes of the file
	maxNesting    = 200       // brackets within brackets
	maxSteps      = 5_000_000
	maxOperations = 100_000
	maxMachines   = 200
	maxCPUs       = 64
	maxTasks      = 2048
	maxHeap       = 128 << 20 // bytes more than at the start
	heapInterval  = 8         // Starlark steps between two looks at the heap
)

// limit bounds what the Starlark half of a scenario computes. Values can double with every step, so
// the heap is looked at often.
func limit(t *starlark.Thread) {
	before := heap()
	t.SetMaxExecutionSteps(heapInterval)
	t.OnMaxSteps = func(t *starlark.Thread) {
		switch {
		case t.ExecutionSteps() > maxSteps:
			t.Cancel("the scenario computes for too long: is there a loop without end?")
		case heap() > before+maxHeap:
			t.Cancel("the scenario needs too much memory")
		default:
			t.SetMaxExecutionSteps(t.ExecutionSteps() + heapInterval)
		}
	}
}

func heap() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// tooDeep returns the line on which brackets are nested deeper than a parser can take, or 0. It does
// not know strings: nobody writes that many into one.
func tooDeep(src []byte) int {
	depth, line := 0, 1
	for _, b := range src {
		switch b {
		case '\n':
			line++
		case '(', '[', '{':
			depth++
		case ')', ']', '}':
			depth = max(depth-1, 0)
		}
		if depth > maxNesting {
			return line
		}
	}
	return 0
}
