package report

import (
	"io"
	"os"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/colorprofile"
)

// Terminal returns a writer that passes colours on to a terminal that shows them, and to nothing else:
// a pipe, a file and NO_COLOR get plain text.
func Terminal(w io.Writer) io.Writer { return colorprofile.NewWriter(w, os.Environ()) }

var (
	title   = lipgloss.NewStyle().Bold(true)
	heading = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Cyan)
	faint   = lipgloss.NewStyle().Faint(true)
	good    = lipgloss.NewStyle().Foreground(lipgloss.Green)
	warning = lipgloss.NewStyle().Foreground(lipgloss.Yellow)
	alarm   = lipgloss.NewStyle().Bold(true).Foreground(lipgloss.Red)
)

// sheet is a text of sections with aligned columns.
type sheet struct {
	b strings.Builder
}

// Columns of a figure's line.
const (
	labelWidth  = 46
	figureWidth = 14
	shareWidth  = 8
)

func (s *sheet) line(parts ...string) {
	s.b.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	s.b.WriteByte('\n')
}

func (s *sheet) heading(text string) {
	s.line()
	s.line(heading.Render(text))
}

// figure is a line with a number, and perhaps what part of a whole it is and a remark.
func (s *sheet) figure(label string, n uint64, part, remark string) {
	s.line("  ", left(label, labelWidth), right(number(n), figureWidth), faded(right(part, shareWidth)), "  ", faded(remark))
}

// faded leaves blanks without a style, for line to take them off the end.
func faded(text string) string {
	if strings.TrimSpace(text) == "" {
		return text
	}
	return faint.Render(text)
}

// entry is a line of the header.
func (s *sheet) entry(name, text string) {
	s.line("  ", faint.Render(left(name, 10)), text)
}

func left(text string, width int) string {
	return text + strings.Repeat(" ", max(width-lipgloss.Width(text), 0))
}

func right(text string, width int) string {
	return strings.Repeat(" ", max(width-lipgloss.Width(text), 0)) + text
}

// table writes rows in columns as wide as their widest cell; numbers is how many of the last columns
// hold numbers.
func (s *sheet) table(head []string, rows [][]string, numbers int) {
	width := make([]int, len(head))
	for _, row := range append(rows, head) {
		for i, cell := range row {
			width[i] = max(width[i], lipgloss.Width(cell))
		}
	}
	write := func(row []string, style lipgloss.Style) {
		var b strings.Builder
		for i, cell := range row {
			b.WriteString("  ")
			if i >= len(row)-numbers {
				b.WriteString(right(cell, width[i]))
			} else {
				b.WriteString(left(cell, width[i]))
			}
		}
		s.line(style.Render(strings.TrimRight(b.String(), " ")))
	}
	write(head, faint)
	for _, row := range rows {
		write(row, lipgloss.NewStyle())
	}
}
