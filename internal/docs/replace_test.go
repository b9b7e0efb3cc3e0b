package docs

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestReplaceBlocks(t *testing.T) {
	root := t.TempDir()
	const before = "# A\n\n```text command\n$ one\nold\n```\n\n```sh\nold\n```\n\n```text command\n```\n\nold\n"
	require.NoError(t, os.WriteFile(filepath.Join(root, "a.md"), []byte(before), 0o600))
	blocks, err := BlocksOf(root, "a.md", "text", "command")
	require.NoError(t, err)
	require.Len(t, blocks, 2)
	assert.Equal(t, "$ one\nold\n", blocks[0].Text)
	require.NoError(t, ReplaceBlocks(root, "a.md", blocks, []string{"$ one\nnew\nlines\n", "$ two\n"}))
	after, err := Read(root, "a.md")
	require.NoError(t, err)
	assert.Equal(t, "# A\n\n```text command\n$ one\nnew\nlines\n```\n\n```sh\nold\n```\n\n```text command\n$ two\n```\n\nold\n", after)
}
