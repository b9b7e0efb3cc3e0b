package report

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// The files that a whole run writes, from the project's folder.
const (
	Document = "docs/performance.md"
	Plot     = "docs/performance.svg"
	Data     = "docs/performance.json"
)

//go:embed performance.md.tmpl
var documentTemplate string

// Write writes the results, the document, the plot, and the headline rows.
func (r Results) Write() error {
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	document, err := r.Document()
	if err != nil {
		return err
	}
	root, err := local.Root()
	if err != nil {
		return err
	}
	readme, err := os.ReadFile(filepath.Join(root, Readme)) //nolint:gosec // a file of the project
	if err != nil {
		return err
	}
	headline, err := r.WithHeadline(string(readme))
	if err != nil {
		return err
	}
	for path, text := range map[string]string{Data: string(data) + "\n", Document: document, Plot: r.Plot(), Readme: headline} {
		if err := os.WriteFile(filepath.Join(root, path), []byte(text), 0o644); err != nil { //nolint:gosec // a document
			return fmt.Errorf("writing %s: %w", path, err)
		}
	}
	return nil
}

// Load returns the results that were written last.
func Load() (Results, error) {
	root, err := local.Root()
	if err != nil {
		return Results{}, err
	}
	data, err := os.ReadFile(filepath.Join(root, Data)) //nolint:gosec // a file of the project
	if err != nil {
		return Results{}, err
	}
	var results Results
	return results, json.Unmarshal(data, &results)
}

// Document returns the document.
func (r Results) Document() (string, error) {
	parsed, err := template.New(Document).Parse(documentTemplate)
	if err != nil {
		return "", err
	}
	var text strings.Builder
	if err := parsed.Execute(&text, r); err != nil {
		return "", fmt.Errorf("writing %s: %w", Document, err)
	}
	return text.String(), nil
}

// Tables returns all tables, in Markdown.
func (r Results) Tables() string {
	var text strings.Builder
	for _, kind := range r.kinds() {
		r.writeRequests(&text, kind)
	}
	r.writeUpstreams(&text)
	r.writeMemory(&text)
	r.writeStorms(&text)
	r.writeCapacity(&text)
	return strings.TrimSuffix(text.String(), "\n")
}
