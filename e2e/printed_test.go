package e2e

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/docs"
	"github.com/eio-affinity/affinity/internal/testbed"
)

// printed compares what commands print with a document, each of whose blocks of
// "text command" has a command line and what that prints. With UPDATE_DOCS=1, it
// replaces the blocks instead.
type printed struct {
	file   string
	update bool
	blocks []docs.Block
	texts  []string

	// names replaces what differs from run to run by what the document calls it.
	names *strings.Replacer
}

// readPrinted reads the blocks of a document.
func readPrinted(t *testing.T, file string) *printed {
	t.Helper()
	blocks, err := docs.BlocksOf(testbed.Path(), file, "text", "command")
	require.NoError(t, err)
	return &printed{file: file, update: os.Getenv("UPDATE_DOCS") != "", blocks: blocks}
}

// name sets names, in pairs of what is printed and what the document has.
func (p *printed) name(pairs ...string) {
	p.names = strings.NewReplacer(pairs...)
}

// check compares a command line and what it prints with the next block.
func (p *printed) check(t *testing.T, output, command string, args ...string) {
	t.Helper()
	line := "$ " + command
	for _, arg := range args {
		if strings.ContainsAny(arg, "?&=") || arg == args[len(args)-1] && len(arg) > 30 {
			arg = "'" + arg + "'"
		}
		line += " " + arg
	}
	text := p.names.Replace(line + "\n" + output)
	require.Less(t, len(p.texts), len(p.blocks), "%s has no block for %s", p.file, line)
	block := p.blocks[len(p.texts)]
	p.texts = append(p.texts, text)
	if !p.update {
		assert.Equal(t, block.Text, text, "%s differs from what is printed: run make docs", block)
	}
}

// finish checks that all blocks were compared, and replaces them if it was asked to.
func (p *printed) finish(t *testing.T) {
	t.Helper()
	require.Len(t, p.texts, len(p.blocks), "%s has blocks that no test prints", p.file)
	if p.update {
		require.NoError(t, docs.ReplaceBlocks(testbed.Path(), p.file, p.blocks, p.texts))
	}
}
