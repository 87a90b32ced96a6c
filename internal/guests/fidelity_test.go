//go:build linux

package main

import (
	"os"
	"strings"
	"testing"
)

func TestTheTableReplacesTheOldOne(t *testing.T) {
	text, err := insert("head\n"+tableBegins+"old\n"+tableEnds+"foot\n", table{tableBegins, "new\n"})
	if want := "head\n" + tableBegins + "new\n" + tableEnds + "foot\n"; err != nil || text != want {
		t.Errorf("%q, %v", text, err)
	}
	for _, document := range []string{"", tableBegins, tableEnds + tableBegins} {
		if text, err := insert(document, table{tableBegins, "new\n"}); err == nil {
			t.Errorf("%q was made of %q", text, document)
		}
	}
}

func TestTheDocumentHasAPlaceForTheTable(t *testing.T) {
	document, err := os.ReadFile("../../docs/fidelity.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, begins := range []string{tableBegins, pcidTableBegins} {
		text, err := insert(string(document), table{begins, "| a |\n"})
		if err != nil || !strings.Contains(text, "| a |") {
			t.Error(err)
		}
	}
}
