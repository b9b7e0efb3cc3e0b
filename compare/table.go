package main

import (
	"fmt"
	"strings"
)

// table is a table in Markdown.
type table struct{ text strings.Builder }

func newTable(columns ...string) *table {
	t := new(table)
	t.add(columns...)
	fmt.Fprintf(&t.text, "|%s\n", strings.Repeat("---|", len(columns)))
	return t
}

// add adds a row.
func (t *table) add(cells ...string) {
	fmt.Fprintf(&t.text, "| %s |\n", strings.Join(cells, " | "))
}

// String returns the table without its last line's end.
func (t *table) String() string { return strings.TrimSuffix(t.text.String(), "\n") }
