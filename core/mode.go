package core

import "fmt"

// Mode says how the upstreams of sessions are remembered.
type Mode string

// The modes. The empty Mode is [ModeAuto].
const (
	// ModeAuto is ModeTag for Engine.IO 4, where the session ID is the
	// transport's own affair, and ModeLearn for Engine.IO 3, where the
	// application sees the session ID as its socket.id on both sides, and a
	// tag would make the two differ.
	ModeAuto Mode = "auto"

	// ModeTag puts a tag into the session ID that the client sees.
	ModeTag Mode = "tag"

	// ModeLearn leaves the session ID as it is, and remembers it: see
	// [Sessions].
	ModeLearn Mode = "learn"

	// ModeOff does neither.
	ModeOff Mode = "off"
)

// ParseMode reads a mode from a configuration.
func ParseMode(s string) (Mode, error) {
	switch mode := Mode(s); mode {
	case "":
		return ModeAuto, nil
	case ModeAuto, ModeTag, ModeLearn, ModeOff:
		return mode, nil
	default:
		return "", fmt.Errorf("unknown sid mode %q: want auto, tag, learn or off", s)
	}
}

// Tags reports whether sessions of an Engine.IO version get a tag.
func (m Mode) Tags(version int) bool {
	return m == ModeTag || m == ModeAuto && version == 4
}

// Learns reports whether sessions of an Engine.IO version are learned.
func (m Mode) Learns(version int) bool {
	return m == ModeLearn || m == ModeAuto && version == 3
}

// MayLearn reports whether sessions of any version are learned.
func (m Mode) MayLearn() bool {
	return m == ModeLearn || m == ModeAuto
}
