// Package tracepoint reads the "format" files with which Linux describes its tracepoints.
//
// A recording carries the formats of the kernel that wrote it. Offsets and sizes are
// taken from there, never from a table of ours: they differ between releases,
// architectures and distributions.
package tracepoint

import (
	"fmt"
	"strconv"
	"strings"
)

// Format is one tracepoint as its format file describes it.
type Format struct {
	System string
	Name   string
	ID     uint64
	Fields []Field
	Print  string // the print fmt line, which explains how values are to be shown
}

// Field is one member of a tracepoint's record.
type Field struct {
	Name    string
	Offset  int
	Size    int
	Signed  bool
	DataLoc bool // the field holds where the data is: length<<16 | offset
	RelLoc  bool // the same, counted from the end of the field
}

// maxFieldEnd bounds the offsets a format may claim. The kernel's own limit for a record is a page.
const maxFieldEnd = 1 << 16

// Parse reads one format file.
func Parse(system, text string) (*Format, error) {
	f := &Format{System: system}
	for line := range strings.Lines(text) {
		if err := f.parseLine(strings.TrimSpace(line)); err != nil {
			return nil, err
		}
	}
	if f.Name == "" {
		return nil, fmt.Errorf("tracepoint format of system %q has no name line", system)
	}
	return f, nil
}

func (f *Format) parseLine(line string) error {
	key, value, found := strings.Cut(line, ":")
	if !found {
		return nil
	}
	switch key {
	case "name":
		f.Name = strings.TrimSpace(value)
	case "ID":
		id, err := strconv.ParseUint(strings.TrimSpace(value), 10, 64)
		if err != nil {
			return fmt.Errorf("tracepoint %s: bad ID %q", f.Name, value)
		}
		f.ID = id
	case "field", "field special":
		field, err := parseField(value)
		if err != nil {
			return fmt.Errorf("tracepoint %s: %w", f.Name, err)
		}
		f.Fields = append(f.Fields, field)
	case "print fmt":
		f.Print = strings.TrimSpace(value)
	}
	return nil
}

// parseField reads "char prev_comm[16];	offset:8;	size:16;	signed:0;".
func parseField(text string) (Field, error) {
	parts := strings.Split(text, ";")
	decl := strings.TrimSpace(parts[0])
	field := Field{
		Name:    fieldName(decl),
		DataLoc: strings.HasPrefix(decl, "__data_loc "),
		RelLoc:  strings.HasPrefix(decl, "__rel_loc "),
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if key == "" {
			continue
		}
		if err != nil || n < 0 || n > maxFieldEnd {
			return field, fmt.Errorf("field %q has a bad %s %q", decl, key, value)
		}
		switch key {
		case "offset":
			field.Offset = n
		case "size":
			field.Size = n
		case "signed":
			field.Signed = n != 0
		}
	}
	return field, nil
}

// fieldName takes the name out of a C declaration: "char prev_comm[16]", "pid_t pid", "__data_loc char[] comm".
func fieldName(decl string) string {
	if i := strings.LastIndexAny(decl, " \t*"); i >= 0 {
		decl = decl[i+1:]
	}
	name, _, _ := strings.Cut(decl, "[")
	return name
}

// Field finds a field by the first of the names that the format has.
func (f *Format) Field(names ...string) (Field, bool) {
	for _, name := range names {
		for _, field := range f.Fields {
			if field.Name == name {
				return field, true
			}
		}
	}
	return Field{}, false
}
