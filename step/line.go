package step

// LineKind says what a Line of a path is.
type LineKind string

const (
	LineStep   LineKind = "step"
	LineWait   LineKind = "wait"   // a step that may have to wait
	LineChoice LineKind = "choice" // a step with several outcomes
	LineIf     LineKind = "if"
	LineElse   LineKind = "else"
	LineWhile  LineKind = "while"
	LineCall   LineKind = "call"
	LineReturn LineKind = "return"
)

// Line is one line of a path as a person reads it.
type Line struct {
	Depth int      `json:"depth"`
	Kind  LineKind `json:"kind"`
	Label string   `json:"label"`
	Why   string   `json:"why,omitempty"`
	Ours  bool     `json:"ours,omitempty"` // no kernel symbol stands behind the label
}

// Lines returns the path as a table, from the same nodes that Link compiles.
func (p *Path) Lines() []Line { return appendLines(nil, p.Body, 0) }

func appendLines(out []Line, body Seq, depth int) []Line {
	for _, n := range body {
		switch n.kind {
		case nodeIf:
			out = append(out, Line{Depth: depth, Kind: LineIf, Label: n.label})
			out = appendLines(out, n.then, depth+1)
			if len(n.orElse) > 0 {
				out = append(out, Line{Depth: depth, Kind: LineElse, Label: "else"})
				out = appendLines(out, n.orElse, depth+1)
			}
		case nodeLoop:
			out = append(out, Line{Depth: depth, Kind: LineWhile, Label: n.label})
			out = appendLines(out, n.then, depth+1)
		case nodeCall:
			out = append(out, Line{Depth: depth, Kind: LineCall, Label: n.label})
		case nodeReturn:
			out = append(out, Line{Depth: depth, Kind: LineReturn, Label: n.label})
		default:
			out = append(out, Line{Depth: depth, Kind: n.lineKind(), Label: n.label, Why: n.why, Ours: n.ours})
		}
	}
	return out
}

func (n Node) lineKind() LineKind {
	switch {
	case n.ready != nil:
		return LineWait
	case n.choices != nil:
		return LineChoice
	}
	return LineStep
}
