package core

// Unbound is why the response to a handshake poll has no open packet that a
// [HandshakeRewriter] could change. The zero Unbound is that of a response that
// has one.
type Unbound uint8

const (
	// NotUnbound is a response with an open packet.
	NotUnbound Unbound = iota

	// UnboundNoReply is that there is no response.
	UnboundNoReply

	// UnboundStatus is a status other than 200.
	UnboundStatus

	// UnboundCompressed is a compressed response.
	UnboundCompressed

	// UnboundTooLarge is a response with more than 64 KiB.
	UnboundTooLarge

	// UnboundNoOpenPacket is a response that does not begin with a complete open packet.
	UnboundNoOpenPacket

	// UnboundIncomplete is a response that the upstream has not completed.
	UnboundIncomplete
)

// NumUnbound is the number of values of Unbound. They are numbered from 0.
const NumUnbound = 7

// unboundNames has the names of the values.
var unboundNames = []string{"", "no_reply", "status", "compressed", "too_large", "no_open_packet", "incomplete"}

// String returns the name of the cause: no_reply, status, compressed, too_large,
// no_open_packet or incomplete. It returns "" for NotUnbound.
func (u Unbound) String() string { return unboundNames[u] }
