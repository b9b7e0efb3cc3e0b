package core

import "fmt"

// Mode says which sessions are bound to their upstream by a tag in the session
// ID that the client sees.
type Mode string

// The modes. The empty Mode is [ModeAuto].
const (
	// ModeAuto binds Engine.IO 4, where the session ID is the transport's own
	// affair. It leaves Engine.IO 3 as it is, where the application sees the
	// session ID as its socket.id on both sides, and a tag would make the two
	// differ.
	ModeAuto Mode = "auto"

	// ModeTag binds every version.
	ModeTag Mode = "tag"

	// ModeOff binds none.
	ModeOff Mode = "off"
)

// ParseMode reads a mode from a configuration.
func ParseMode(s string) (Mode, error) {
	switch mode := Mode(s); mode {
	case "":
		return ModeAuto, nil
	case ModeAuto, ModeTag, ModeOff:
		return mode, nil
	default:
		return "", fmt.Errorf("unknown sid mode %q: want auto, tag or off", s)
	}
}

// Binds reports whether sessions of an Engine.IO version are bound.
func (m Mode) Binds(version int) bool {
	switch m {
	case ModeTag:
		return true
	case ModeOff:
		return false
	default:
		return version == 4
	}
}
