package local

import (
	"fmt"
	"os"
)

// KillProcess kills one process that a started program has started itself.
func KillProcess(pid int) error {
	p, err := os.FindProcess(pid)
	if err != nil {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	if err := p.Kill(); err != nil {
		return fmt.Errorf("killing process %d: %w", pid, err)
	}
	return nil
}
