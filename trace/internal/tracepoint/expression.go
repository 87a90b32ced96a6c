package tracepoint

import (
	"strconv"
	"strings"
)

// evaluate computes a constant C expression of the few operators that print fmt lines use:
// parentheses, +, -, <<, | and numbers. Anything else gives false.
func evaluate(text string) (uint64, bool) {
	e := expression{rest: text}
	v := e.or()
	e.space()
	return v, !e.bad && e.rest == ""
}

// expression is a recursive-descent parser; each method handles one level of precedence.
type expression struct {
	rest  string
	depth int
	bad   bool
}

// maxDepth stops a format of nothing but opening parentheses.
const maxDepth = 64

func (e *expression) space() { e.rest = strings.TrimLeft(e.rest, " \t") }

func (e *expression) accept(op string) bool {
	e.space()
	rest, found := strings.CutPrefix(e.rest, op)
	if found {
		e.rest = rest
	}
	return found
}

func (e *expression) or() uint64 {
	v := e.shift()
	for e.accept("|") {
		v |= e.shift()
	}
	return v
}

func (e *expression) shift() uint64 {
	v := e.sum()
	for e.accept("<<") {
		v <<= e.sum()
	}
	return v
}

func (e *expression) sum() uint64 {
	v := e.primary()
	for {
		switch {
		case e.accept("+"):
			v += e.primary()
		case e.accept("-"):
			v -= e.primary()
		default:
			return v
		}
	}
}

func (e *expression) primary() uint64 {
	if e.accept("(") {
		if e.depth++; e.depth > maxDepth {
			e.bad = true
			return 0
		}
		v := e.or()
		e.depth--
		if !e.accept(")") {
			e.bad = true
		}
		return v
	}
	return e.number()
}

func (e *expression) number() uint64 {
	e.space()
	n := strings.IndexFunc(e.rest, func(r rune) bool { return !strings.ContainsRune("0123456789abcdefABCDEFxX", r) })
	if n < 0 {
		n = len(e.rest)
	}
	v, err := strconv.ParseUint(e.rest[:n], 0, 64)
	e.rest = strings.TrimLeft(e.rest[n:], "uUlL")
	if err != nil {
		e.bad = true
	}
	return v
}
