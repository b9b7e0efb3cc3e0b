package core

import "fmt"

// Mode is how the proxy remembers the upstream of a session.
type Mode string

// The modes. The empty Mode is [ModeAuto].
const (
	// ModeAuto is ModeTag for Engine.IO 4 and ModeLearn for Engine.IO 3. In
	// Engine.IO 3 the session ID is also the socket.id that the application
	// sees, on the client and on the server, and a tag would make the two differ.
	ModeAuto Mode = "auto"

	// ModeTag adds a tag to the session ID that the client sees.
	ModeTag Mode = "tag"

	// ModeLearn leaves the session ID unchanged and remembers its upstream in
	// the proxy. See [Sessions].
	ModeLearn Mode = "learn"

	// ModeOff does neither.
	ModeOff Mode = "off"
)

// ParseMode parses a mode from a configuration. It returns an error for any
// value other than auto, tag, learn, off and the empty string.
func ParseMode(s string) (Mode, error) {
	switch mode := Mode(s); mode {
	case "":
		return ModeAuto, nil
	case ModeAuto, ModeTag, ModeLearn, ModeOff:
		return mode, nil
	default:
		return "", fmt.Errorf("unknown sid mode %q: must be auto, tag, learn or off", s)
	}
}

// Tags reports whether the mode adds a tag to the session IDs of an Engine.IO
// version.
func (m Mode) Tags(version int) bool {
	return m == ModeTag || m == ModeAuto && version == 4
}

// Learns reports whether the mode learns the sessions of an Engine.IO version.
func (m Mode) Learns(version int) bool {
	return m == ModeLearn || m == ModeAuto && version == 3
}

// MayLearn reports whether the mode learns the sessions of any version.
func (m Mode) MayLearn() bool {
	return m == ModeLearn || m == ModeAuto
}
