package report

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"charm.land/lipgloss/v2"

	"switchyard/kernel"
	"switchyard/machine"
	"switchyard/step"
)

// PathJSON is a path as `switchyard paths NAME --json` prints it.
type PathJSON struct {
	Name   string      `json:"name"`
	First  string      `json:"first_release"`
	Last   string      `json:"last_release"`
	Source string      `json:"source"`
	Doc    string      `json:"doc"`
	Lines  []step.Line `json:"lines"`
}

// NewPathJSON describes p.
func NewPathJSON(p *step.Path) PathJSON {
	first, last := p.Range()
	lines := p.Lines()
	if lines == nil {
		lines = []step.Line{}
	}
	return PathJSON{Name: p.Name, First: first.String(), Last: last.String(), Source: p.Source, Doc: p.Doc, Lines: lines}
}

// WritePath prints a path as its table: what it does in order, and why.
func WritePath(w io.Writer, p *step.Path) error {
	fmt.Fprintf(w, "%s   %s\n%s\n", p.Name, releaseRange(p), p.Source)
	if p.Doc != "" {
		fmt.Fprintf(w, "%s\n", p.Doc)
	}
	fmt.Fprintln(w)
	lines := p.Lines()
	width := 0
	for _, l := range lines {
		if l.Why != "" {
			width = max(width, lipgloss.Width(indented(l)))
		}
	}
	ours := false
	for _, l := range lines {
		text := indented(l)
		if l.Why != "" {
			text = left(text, width) + "  " + l.Why
		}
		fmt.Fprintln(w, text)
		ours = ours || l.Ours
	}
	if len(lines) == 0 {
		fmt.Fprintln(w, "  (nothing)")
	}
	if ours {
		fmt.Fprintln(w, "\n  * no kernel symbol stands behind this label")
	}
	return nil
}

func indented(l step.Line) string {
	return "  " + strings.Repeat("    ", l.Depth) + lineText(l)
}

func lineText(l step.Line) string {
	switch l.Kind {
	case step.LineIf, step.LineWhile:
		return string(l.Kind) + " " + l.Label + ":"
	case step.LineElse:
		return "else:"
	case step.LineCall:
		return "→ " + l.Label
	case step.LineWait:
		return l.Label + " (may wait)"
	case step.LineChoice:
		return l.Label + " (a choice)"
	}
	if l.Ours {
		return l.Label + " *"
	}
	return l.Label
}

func releaseRange(p *step.Path) string {
	first, last := p.Range()
	if first == last {
		return "release " + first.String()
	}
	return "releases " + first.String() + " to " + last.String()
}

// WritePathNames lists the paths of a machine with the first sentence of what each is for.
func WritePathNames(w io.Writer, paths []*step.Path) error {
	tw := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range paths {
		fmt.Fprintf(tw, "%s\t%s\t%s\n", p.Name, releaseRange(p), firstSentence(p.Doc))
	}
	return tw.Flush()
}

func firstSentence(s string) string {
	if i := strings.Index(s, ". "); i >= 0 {
		return s[:i+1]
	}
	return s
}

// WriteReleases prints what changed when.
func WriteReleases(w io.Writer, notes []kernel.ReleaseNote) error {
	for i, n := range notes {
		if i > 0 {
			fmt.Fprintln(w)
		}
		mark := ""
		if n.Release == machine.Newest {
			mark = ", the default"
		}
		fmt.Fprintf(w, "%s (%d; read in %s%s)\n", n.Release, n.Year, n.Read, mark)
		for _, c := range n.Changes {
			if _, err := fmt.Fprintf(w, "  - %s\n", c); err != nil {
				return err
			}
		}
	}
	return nil
}

// ReleaseJSON is a release as `switchyard releases --json` prints it.
type ReleaseJSON struct {
	Release string   `json:"release"`
	Year    int      `json:"year"`
	Read    string   `json:"read"`
	Default bool     `json:"default"`
	Changes []string `json:"changes"`
}

// NewReleasesJSON describes the releases.
func NewReleasesJSON(notes []kernel.ReleaseNote) []ReleaseJSON {
	out := make([]ReleaseJSON, 0, len(notes))
	for _, n := range notes {
		out = append(out, ReleaseJSON{n.Release.String(), n.Year, n.Read, n.Release == machine.Newest, n.Changes})
	}
	return out
}
