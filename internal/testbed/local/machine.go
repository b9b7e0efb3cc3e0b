package local

import (
	"os"
	"regexp"
	"runtime"
	"strings"
)

// Machine is where something was measured.
type Machine struct {
	CPU    string `json:"cpu"`
	Cores  int    `json:"cores"`
	Kernel string `json:"kernel"`
	OS     string `json:"os"`
}

// ThisMachine returns what Linux says of this machine. What it does not say is
// "unknown".
func ThisMachine() Machine {
	return Machine{
		CPU:    InFile("/proc/cpuinfo", `model name\s*:\s*(.+)`),
		Cores:  runtime.NumCPU(),
		Kernel: InFile("/proc/version", `^Linux version (\S+)`),
		OS:     InFile("/etc/os-release", `PRETTY_NAME="(.+)"`),
	}
}

// InFile returns the first group of a pattern in a file, or "unknown".
func InFile(path, pattern string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return FirstGroup(string(text), pattern)
}

// FirstGroup returns the first group of a pattern in a text, or "unknown".
func FirstGroup(text, pattern string) string {
	if found := regexp.MustCompile(pattern).FindStringSubmatch(text); found != nil {
		return strings.TrimSpace(found[1])
	}
	return "unknown"
}
