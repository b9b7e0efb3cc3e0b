//go:build !unix

package local

import "os/exec"

// Without process groups and SIGTERM a program is simply killed; a node also ends
// when its standard input closes.

func ownGroup(*exec.Cmd) {}

func terminateGroup(cmd *exec.Cmd) { killGroup(cmd) }

func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
