package main

import (
	"encoding/json"
	"io"
)

// printJSON is what --json does in every command.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(v)
}
