package report_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"switchyard/report"
)

// TestJSONIsDocumented holds docs/json.md against the struct tags: each field stands in exactly one row.
func TestJSONIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllSubmatch(text, -1) {
		documented = append(documented, string(m[1]))
	}
	slices.Sort(documented)
	fields := jsonFields(reflect.TypeFor[report.RunJSON](), "")
	slices.Sort(fields)
	if diff := cmp.Diff(fields, documented); diff != "" {
		t.Errorf("docs/json.md does not list the fields that are printed (-printed +documented):\n%s", diff)
	}
}

func jsonFields(t reflect.Type, prefix string) []string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch t.Kind() {
	case reflect.Slice:
		return jsonFields(t.Elem(), prefix+"[]")
	case reflect.Struct:
		var all []string
		for f := range t.NumField() {
			name, _, _ := strings.Cut(t.Field(f).Tag.Get("json"), ",")
			if prefix != "" {
				name = prefix + "." + name
			}
			all = append(all, jsonFields(t.Field(f).Type, name)...)
		}
		return all
	}
	return []string{prefix}
}
