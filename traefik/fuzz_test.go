package traefik

import (
	"bufio"
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/eio-affinity/affinity/core"
)

// FuzzHeadStripper checks that the response is the same in whatever pieces it is
// written, and does not set the cookies.
func FuzzHeadStripper(f *testing.F) {
	f.Add([]byte("HTTP/1.1 101 x\r\nSet-Cookie: srv=T\r\nA: b\r\nset-cookie:a=srv\r\n\r\nbody"), 3)
	f.Add([]byte("HTTP/1.1 101 x\r\nSet-Cookie : grp=T\r\n\r\n"), 100)
	f.Fuzz(func(t *testing.T, response []byte, size int) {
		if size < 1 || len(response) > 4096 {
			return
		}
		written := func(size int) string {
			var got bytes.Buffer
			w := &headStripper{next: bufio.NewWriter(&got), cookies: testCookies}
			for rest := response; len(rest) > 0; {
				part := rest
				if len(part) > size {
					part = part[:size]
				}
				if n, err := w.Write(part); n != len(part) || err != nil {
					t.Fatal(n, err)
				}
				rest = rest[len(part):]
			}
			return got.String()
		}
		whole := written(len(response) + 1)
		if pieces := written(size); pieces != whole {
			t.Fatalf("%q became %q in pieces, and %q at once", response, pieces, whole)
		}
		res, err := http.ReadResponse(bufio.NewReader(strings.NewReader(whole)), nil)
		if err != nil {
			return
		}
		_ = res.Body.Close()
		for _, name := range testCookies.names {
			if len(core.SetCookieValues(res.Header, name)) > 0 {
				t.Fatalf("%q became %q, which sets %s", response, whole, name)
			}
		}
	})
}
