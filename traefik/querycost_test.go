package traefik

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A match takes a fifth of a second for a query of a megabyte, so the middleware
// does not match long queries.
func TestTimeDependsOnlyOnLengthOfQuery(t *testing.T) {
	const length = 900_000
	handler := newAffinity(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), nil)
	fastest := func(query string) time.Duration {
		shortest := time.Hour
		for i := 0; i < 5; i++ {
			r := httptest.NewRequest(http.MethodGet, "/socket.io/?"+query, http.NoBody)
			start := time.Now()
			handler.ServeHTTP(httptest.NewRecorder(), r)
			if took := time.Since(start); took < shortest {
				shortest = took
			}
		}
		return shortest
	}
	harmless := fastest("EIO=4&sid=" + strings.Repeat("a", length))
	for _, hostile := range []string{
		strings.Repeat("a", length),
		strings.Repeat("a&", length/2) + "EIO=4&transport=polling&sid=a",
		"EIO=4&transport=polling&sid=T.a" + strings.Repeat("&a", length/2),
		"EIO=4&" + strings.Repeat("transport=polling&", length/18) + "sid=a",
	} {
		if took := fastest(hostile); took > 50*harmless {
			t.Errorf("%.40q… takes %s, and a harmless query of the same length %s", hostile, took, harmless)
		}
	}
}

// A query that is too long for the fast path takes the slow path.
func TestLongQueryIsServed(t *testing.T) {
	b := &balancer{cookies: []string{cookie}}
	handler := newAffinity(t, b, nil)
	long := "&token=" + strings.Repeat("a", 8<<10)
	if body := get(handler, polling+long, nil).Body.String(); body != `0{"sid":"`+value+`.abc"}` {
		t.Errorf("a handshake: %s", body)
	}
	get(handler, polling+"&sid="+value+".abc"+long, nil)
	got, err := b.received.Cookie(cookie)
	if err != nil || got.Value != value || b.received.URL.RawQuery != polling+"&sid=abc"+long {
		t.Errorf("the server receives %.60q with %v, %v", b.received.URL.RawQuery, got, err)
	}
}
