package caddy

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reads is a reader whose reads return these, each at most as large as the buffer,
// and then err. It notes the sizes of the buffers.
type reads struct {
	parts   [][]byte
	err     error
	buffers []int
}

func (r *reads) Read(p []byte) (int, error) {
	r.buffers = append(r.buffers, len(p))
	if len(r.parts) == 0 {
		return 0, r.err
	}
	n := copy(p, r.parts[0])
	if r.parts[0] = r.parts[0][n:]; len(r.parts[0]) == 0 {
		r.parts = r.parts[1:]
	}
	return n, nil
}

func TestStreamsAreCopiedWhateverTheSizesOfTheirMessages(t *testing.T) {
	source := &reads{err: io.EOF}
	var want []byte
	for range 300 {
		message := make([]byte, 1+rand.IntN(1<<rand.IntN(18)))
		for i := range message {
			message[i] = byte(rand.Uint32())
		}
		source.parts = append(source.parts, message)
		want = append(want, message...)
	}
	var got bytes.Buffer
	written, err := copyStream(&got, source)
	require.NoError(t, err)
	assert.EqualValues(t, len(want), written)
	assert.True(t, bytes.Equal(want, got.Bytes()))
}

func TestIdleStreamsHaveSmallBuffers(t *testing.T) {
	ping, large := []byte("2"), make([]byte, 10_000)
	source := &reads{err: io.EOF, parts: [][]byte{ping, large, large, ping, ping, ping, large, ping, ping, ping, ping, ping}}
	_, err := copyStream(io.Discard, source)
	require.NoError(t, err)
	const s, l = smallBuffer, largeBuffer
	assert.Equal(t, []int{s, s, l, l, l, l, l, l, l, l, l, l, s, s}, source.buffers)
}

func TestStreamsEndWithTheErrorOfEitherSide(t *testing.T) {
	broken := errors.New("broken")
	written, err := copyStream(io.Discard, &reads{parts: [][]byte{[]byte("abc")}, err: broken})
	assert.EqualValues(t, 3, written)
	require.ErrorIs(t, err, broken)

	_, err = copyStream(shortWriter{err: broken}, &reads{parts: [][]byte{[]byte("abc")}})
	require.ErrorIs(t, err, broken)
	_, err = copyStream(shortWriter{}, &reads{parts: [][]byte{[]byte("abc")}})
	require.ErrorIs(t, err, io.ErrShortWrite)
}

// shortWriter writes all but one byte.
type shortWriter struct{ err error }

func (w shortWriter) Write(p []byte) (int, error) { return len(p) - 1, w.err }
