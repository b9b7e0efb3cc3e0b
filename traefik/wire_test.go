package traefik

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"
)

// startProxy returns the address of the middleware in front of a compiled reverse
// proxy, which sets the sticky cookie, and a server. Under Yaegi, the reverse proxy
// sees the same methods of the middleware's writer as Traefik does.
func startProxy(t *testing.T, server http.HandlerFunc) (address string) {
	t.Helper()
	upstream := httptest.NewServer(server)
	t.Cleanup(upstream.Close)
	target, err := url.Parse(upstream.URL)
	if err != nil {
		t.Fatal(err)
	}
	proxy := httputil.NewSingleHostReverseProxy(target)
	proxy.FlushInterval = -1
	// If the server switches protocols, Traefik's retry middleware has a header of
	// its own, like this one.
	proxy.ModifyResponse = func(res *http.Response) error {
		res.Header.Add("Set-Cookie", cookie+"="+value+"; Path=/")
		return nil
	}
	middleware := httptest.NewServer(newAffinity(t, proxy, nil))
	t.Cleanup(middleware.Close)
	return strings.TrimPrefix(middleware.URL, "http://")
}

func TestWebSocketResponseDoesNotSetTheStickyCookie(t *testing.T) {
	address := startProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSet-Cookie: mine=1\r\n\r\nhello")
		said, _ := buffered.ReadString('\n')
		_, _ = io.WriteString(conn, "you said "+said)
		_ = conn.Close()
	})
	for _, query := range []string{"EIO=4&transport=websocket", "EIO=4&transport=websocket&sid=" + value + ".abc"} {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(conn, "GET /socket.io/?%s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", query)
		reader := bufio.NewReader(conn)
		res, err := http.ReadResponse(reader, nil)
		if err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		_ = res.Body.Close()
		if got := strings.Join(res.Header["Set-Cookie"], "|"); res.StatusCode != 101 || got != "mine=1" {
			t.Errorf("%s: %s with Set-Cookie %q", query, res.Status, got)
		}
		_, _ = io.WriteString(conn, "ping\n")
		if said, _ := io.ReadAll(reader); string(said) != "helloyou said ping\n" {
			t.Errorf("%s: received %q", query, said)
		}
		_ = conn.Close()
	}
}

func TestResponseToASessionStreams(t *testing.T) {
	goOn := make(chan struct{})
	address := startProxy(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain")
		for _, part := range []string{"", "one", "two"} {
			_, _ = io.WriteString(w, part)
			_ = http.NewResponseController(w).Flush()
			<-goOn
		}
	})
	res, err := (&http.Client{Timeout: time.Minute}).Get("http://" + address + "/?" + polling + "&sid=" + value + ".abc")
	if err != nil { // the header must arrive before the body
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	if len(res.Header["Set-Cookie"]) > 0 {
		t.Errorf("Set-Cookie %q", res.Header["Set-Cookie"])
	}
	for _, want := range []string{"one", "two"} {
		goOn <- struct{}{}
		part := make([]byte, len(want))
		if _, err := io.ReadFull(res.Body, part); err != nil || string(part) != want {
			t.Fatalf("got %q, %v, want %q", part, err, want)
		}
	}
	goOn <- struct{}{}
	if rest, err := io.ReadAll(res.Body); err != nil || len(rest) > 0 {
		t.Errorf("and then %q, %v", rest, err)
	}
}
