// Package docs reads the project's documents, so that tests can load each of
// their snippets. Only tests import it.
package docs

import (
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
)

// Block is a fenced block of a document.
type Block struct {
	// File is the document's path below the root of the project, and Line the
	// number of the block's first line.
	File string
	Line int

	// Language is the first word behind the fence, and Kind what follows it.
	Language, Kind string

	Text string
}

// String returns where the block is.
func (b Block) String() string {
	return fmt.Sprintf("%s:%d", b.File, b.Line)
}

// Peer is the kind of a block for another load balancer. The tests that load the
// blocks of its language leave it alone.
const Peer = "peer"

// Files returns the paths of all documents below the root of the project: those
// in the root itself and those in docs.
func Files(root string) ([]string, error) {
	var files []string
	for _, pattern := range []string{"*.md", "docs/*.md"} {
		found, err := fs.Glob(os.DirFS(root), pattern)
		if err != nil {
			return nil, fmt.Errorf("finding documents: %w", err)
		}
		files = append(files, found...)
	}
	slices.Sort(files)
	return files, nil
}

// Read returns the text of a document.
func Read(root, file string) (string, error) {
	text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(file))) //nolint:gosec // tests read their own project
	return string(text), err
}

// Blocks returns the fenced blocks of all documents below the root of the
// project, in order. It returns an error when a block does not end.
func Blocks(root string) ([]Block, error) {
	files, err := Files(root)
	if err != nil {
		return nil, err
	}
	var all []Block
	for _, file := range files {
		text, err := Read(root, file)
		if err != nil {
			return nil, err
		}
		blocks, err := blocksOf(file, text)
		if err != nil {
			return nil, err
		}
		all = append(all, blocks...)
	}
	return all, nil
}

// fence begins and ends a block, possibly indented.
const fence = "```"

// blocksOf returns the blocks of a document.
func blocksOf(file, text string) ([]Block, error) {
	var blocks []Block
	var open *Block
	number := 0
	for line := range strings.Lines(text) {
		number++
		mark, fenced := strings.CutPrefix(strings.TrimSpace(line), fence)
		switch {
		case fenced && open == nil:
			language, kind, _ := strings.Cut(mark, " ")
			open = &Block{File: file, Line: number + 1, Language: language, Kind: kind}
		case fenced:
			blocks = append(blocks, *open)
			open = nil
		case open != nil:
			open.Text += line
		}
	}
	if open != nil {
		return nil, fmt.Errorf("%s: the block does not end", open)
	}
	return blocks, nil
}

// Prose returns a document without its fenced blocks. Its lines keep their
// numbers.
func Prose(text string) string {
	var prose strings.Builder
	inside := false
	for line := range strings.Lines(text) {
		fenced := strings.HasPrefix(strings.TrimSpace(line), fence)
		if fenced || inside {
			line = "\n"
		}
		if fenced {
			inside = !inside
		}
		prose.WriteString(line)
	}
	return prose.String()
}

// Headings returns the anchors of a document's headings, as GitHub names them.
func Headings(text string) []string {
	var anchors []string
	for line := range strings.Lines(Prose(text)) {
		hashes := len(line) - len(strings.TrimLeft(line, "#"))
		if hashes == 0 || !strings.HasPrefix(line[hashes:], " ") {
			continue
		}
		anchors = append(anchors, anchor(line[hashes:]))
	}
	return anchors
}

// anchor returns the anchor of a heading.
func anchor(heading string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case r == '-' || r == '_' || r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 0x80:
			return r
		default:
			return -1
		}
	}, strings.ToLower(strings.TrimSpace(heading)))
}

// Resolve returns the path below the root of the project that a link of a
// document points to, and its anchor.
func Resolve(file, link string) (target, anchor string) {
	target, anchor, _ = strings.Cut(link, "#")
	if target == "" {
		return file, anchor
	}
	return path.Join(path.Dir(file), target), anchor
}
