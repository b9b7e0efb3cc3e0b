package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// BlocksOf returns the blocks of a document of a language and a kind, in order.
func BlocksOf(root, file, language, kind string) ([]Block, error) {
	text, err := Read(root, file)
	if err != nil {
		return nil, err
	}
	all, err := blocksOf(file, text)
	if err != nil {
		return nil, err
	}
	var blocks []Block
	for _, block := range all {
		if block.Language == language && block.Kind == kind {
			blocks = append(blocks, block)
		}
	}
	return blocks, nil
}

// ReplaceBlocks replaces the texts of blocks of a document, which are in order, as
// [BlocksOf] returns them.
func ReplaceBlocks(root, file string, blocks []Block, texts []string) error {
	old, err := Read(root, file)
	if err != nil {
		return err
	}
	var replaced strings.Builder
	number, next := 0, 0
	inside := ""
	for line := range strings.Lines(old) {
		number++
		if next < len(blocks) && number == blocks[next].Line {
			replaced.WriteString(texts[next])
			inside = blocks[next].Text
			next++
		}
		if rest, ok := strings.CutPrefix(inside, line); ok && inside != "" {
			inside = rest
			continue
		}
		replaced.WriteString(line)
	}
	path := filepath.Join(root, filepath.FromSlash(file))
	if err := os.WriteFile(path, []byte(replaced.String()), 0o644); err != nil { //nolint:gosec // a document
		return fmt.Errorf("replacing blocks of %s: %w", file, err)
	}
	return nil
}
