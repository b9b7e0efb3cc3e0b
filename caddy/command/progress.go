package command

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

// progress shows lines that change: on a terminal in one line that is rewritten, and
// elsewhere each line again when it has changed.
type progress struct {
	out      io.Writer
	terminal bool
	shown    []string
	// open reports that the line on the terminal has not ended.
	open bool
}

// newProgress returns a progress that writes to out.
func newProgress(out io.Writer) *progress {
	return &progress{out: out, terminal: isTerminal(out)}
}

// isTerminal reports whether a writer is a terminal.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// show shows lines, of which there is always the same number. Empty ones are left
// out.
func (p *progress) show(lines []string) error {
	if slices.Equal(lines, p.shown) {
		return nil
	}
	before := p.shown
	p.shown = slices.Clone(lines)
	if p.terminal {
		p.open = true
		shown := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return line == "" })
		_, err := fmt.Fprint(p.out, "\r\x1b[K"+strings.Join(shown, "; "))
		return err
	}
	for i, line := range lines {
		if line == "" || before != nil && before[i] == line {
			continue
		}
		if _, err := fmt.Fprintln(p.out, line); err != nil {
			return err
		}
	}
	return nil
}

// end ends the line on the terminal.
func (p *progress) end() {
	if p.open {
		p.open = false
		_, _ = fmt.Fprintln(p.out)
	}
}
