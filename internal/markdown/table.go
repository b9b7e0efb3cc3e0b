// Package markdown writes tables of the documents that programs of this project write.
package markdown

import (
	"fmt"
	"strings"
)

// Table is a table in Markdown, with a line end between rows.
type Table struct{ text strings.Builder }

// NewTable returns a table with these columns and no rows.
func NewTable(columns ...string) *Table {
	t := new(Table)
	fmt.Fprintf(&t.text, "| %s |\n|%s", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	return t
}

// Add adds a row.
func (t *Table) Add(cells ...string) {
	fmt.Fprintf(&t.text, "\n| %s |", strings.Join(cells, " | "))
}

// String returns the table.
func (t *Table) String() string { return t.text.String() }
