package scenario

import (
	"strings"

	"go.starlark.net/starlark"
	"go.starlark.net/syntax"
)

// story takes the title and the text out of a file's docstring.
func story(f *syntax.File) (title, doc string) {
	if len(f.Stmts) == 0 {
		return "", ""
	}
	stmt, ok := f.Stmts[0].(*syntax.ExprStmt)
	if !ok {
		return "", ""
	}
	lit, ok := stmt.X.(*syntax.Literal)
	if !ok {
		return "", ""
	}
	text, ok := lit.Value.(string)
	if !ok {
		return "", ""
	}
	title, doc, _ = strings.Cut(strings.TrimSpace(text), "\n")
	return strings.TrimSpace(title), strings.TrimSpace(doc)
}

const maxLines = 10_000

func (r *run) say(t *starlark.Thread, text string) {
	if len(r.result.Lines) < maxLines {
		r.result.Lines = append(r.result.Lines, Line{Line: r.line(t), Switches: r.result.Switches, Text: text})
	}
}
