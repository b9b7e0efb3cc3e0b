package engineio

import (
	"bufio"
	"crypto/sha1" //nolint:gosec // RFC 6455 says so
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// maxFrame is the largest payload of a frame, that of a 16-bit length.
const maxFrame = 1<<16 - 1

// The bits and lengths of a frame's header, RFC 6455 section 5.2.
const (
	finalText  = 0x81
	masked     = 0x80
	length16   = 126
	lengthBits = 0x7f
	maskLength = 4
)

// acceptKey returns the Sec-WebSocket-Accept for a Sec-WebSocket-Key, RFC 6455
// section 4.2.2.
func acceptKey(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // as above
	return base64.StdEncoding.EncodeToString(sum[:])
}

// writeFrame writes a text message as one frame, in one write. A client's is masked,
// here with zeros, which leaves the payload as it is.
func writeFrame(w io.Writer, payload []byte, mask bool) error {
	if len(payload) > maxFrame {
		return fmt.Errorf("a message of %d bytes is too long", len(payload))
	}
	frame := make([]byte, 0, len(payload)+8)
	bit := byte(0)
	if mask {
		bit = masked
	}
	if len(payload) < length16 {
		frame = append(frame, finalText, bit|byte(len(payload)))
	} else {
		frame = binary.BigEndian.AppendUint16(append(frame, finalText, bit|length16), uint16(len(payload)))
	}
	if mask {
		frame = append(frame, 0, 0, 0, 0)
	}
	_, err := w.Write(append(frame, payload...))
	return err
}

// readFrame reads a message that writeFrame has written, into a buffer if it fits.
func readFrame(r *bufio.Reader, buffer []byte) ([]byte, error) {
	var header [4]byte
	if _, err := io.ReadFull(r, header[:2]); err != nil {
		return nil, err
	}
	if header[0] != finalText {
		return nil, errors.New("a frame that is not a whole text message")
	}
	isMasked, length := header[1]&masked != 0, int(header[1]&lengthBits)
	if length == length16 {
		if _, err := io.ReadFull(r, header[2:4]); err != nil {
			return nil, err
		}
		length = int(binary.BigEndian.Uint16(header[2:4]))
	}
	if isMasked {
		if _, err := r.Discard(maskLength); err != nil {
			return nil, err
		}
	}
	if cap(buffer) < length {
		buffer = make([]byte, length)
	}
	_, err := io.ReadFull(r, buffer[:length])
	return buffer[:length], err
}
