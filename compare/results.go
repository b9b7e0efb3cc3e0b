package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// The files of a run, below the root of the project: what happened, and the document
// and the picture that are written from it.
const (
	resultsFile  = "docs/comparison.json"
	documentFile = "docs/comparison.md"
	pictureFile  = "docs/comparison.svg"
)

// results are those of a run of everything.
type results struct {
	Date    string        `json:"date"`
	Seconds int           `json:"seconds"` // that it took
	Machine local.Machine `json:"machine"`
	// Versions are those of the programs and packages, by name.
	Versions map[string]string `json:"versions"`
	// Cells are what happened, by system and scenario.
	Cells map[string]map[string]outcome `json:"cells"`
}

func newResults(ctx context.Context, cells map[string]map[string]outcome, took time.Duration) (*results, error) {
	versions, err := versions(ctx)
	if err != nil {
		return nil, err
	}
	return &results{
		Date: time.Now().UTC().Format(time.DateOnly), Seconds: int(took.Seconds()),
		Machine: local.ThisMachine(), Versions: versions, Cells: cells,
	}, nil
}

// readResults reads those of the last run.
func readResults() (*results, error) {
	root, err := local.Root()
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(filepath.Join(root, resultsFile)) //nolint:gosec // of this project
	if err != nil {
		return nil, fmt.Errorf("reading the results of the last run: %w", err)
	}
	r := new(results)
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(r); err != nil {
		return nil, fmt.Errorf("reading %s: %w", resultsFile, err)
	}
	return r, nil
}

// write writes all three files.
func (r *results) write() error {
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	if err := writeFile(resultsFile, append(text, '\n')); err != nil {
		return err
	}
	return r.writeDocument()
}

// writeDocument writes the document and the picture.
func (r *results) writeDocument() error {
	text, err := r.document()
	if err != nil {
		return err
	}
	if err := writeFile(documentFile, []byte(text)); err != nil {
		return err
	}
	return writeFile(pictureFile, []byte(r.picture()))
}

func writeFile(file string, text []byte) error {
	root, err := local.Root()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(root, file), text, 0o644) //nolint:gosec // a document is for everybody
}
