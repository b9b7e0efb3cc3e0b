package main

import (
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestControlRefusesOtherSites(t *testing.T) {
	for _, test := range []struct {
		name   string
		method string
		path   string
		host   string
		header map[string]string
		want   int
	}{
		{"the page reads", "GET", "/demo/cluster", "localhost:8080", nil, http.StatusOK},
		{"the page stops a node", "POST", "/demo/nodes/a/stop", "localhost:8080", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"}, http.StatusOK},
		{"the page at the address stops a node", "POST", "/demo/nodes/a/stop", "127.0.0.1:8080", map[string]string{"Origin": "http://127.0.0.1:8080"}, http.StatusOK},
		{"curl stops a node", "POST", "/demo/nodes/a/stop", "[::1]:8080", nil, http.StatusOK},
		{"the page drains a node", "POST", "/demo/nodes/a/drain", "localhost:8080", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://localhost:8080"}, http.StatusOK},
		{"another site drains a node", "POST", "/demo/nodes/a/drain", "localhost:8080", map[string]string{"Origin": "https://example.com"}, http.StatusForbidden},
		{"no such node", "POST", "/demo/nodes/z/stop", "localhost:8080", nil, http.StatusNotFound},
		{"a link stops nothing", "GET", "/demo/nodes/a/stop", "localhost:8080", nil, http.StatusMethodNotAllowed},
		{"another site", "POST", "/demo/nodes/a/stop", "localhost:8080", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://example.com"}, http.StatusForbidden},
		{"another port of this machine", "POST", "/demo/nodes/a/stop", "localhost:8080", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "http://localhost:3000"}, http.StatusForbidden},
		{"another site in an old browser", "POST", "/demo/nodes/a/stop", "localhost:8080", map[string]string{"Origin": "https://example.com"}, http.StatusForbidden},
		{"a sandboxed frame", "POST", "/demo/nodes/a/stop", "localhost:8080", map[string]string{"Origin": "null"}, http.StatusForbidden},
		{"a name that points here", "POST", "/demo/nodes/a/stop", "rebound.example:8080", map[string]string{"Sec-Fetch-Site": "same-origin", "Origin": "http://rebound.example:8080"}, http.StatusForbidden},
		{"a name that points here reads", "GET", "/demo/cluster", "rebound.example", nil, http.StatusForbidden},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := httptest.NewRequest(test.method, test.path, nil)
			req.Host = test.host
			for name, value := range test.header {
				req.Header.Set(name, value)
			}
			w := httptest.NewRecorder()
			controlHandler(&cluster{nodes: nodes{{name: "a"}}}).ServeHTTP(w, req)
			if w.Code != test.want {
				t.Errorf("status %d, want %d: %s", w.Code, test.want, w.Body)
			}
		})
	}
}

func TestProxyThatDoesNotAnswerIsAnError(t *testing.T) {
	c := &cluster{nodes: nodes{{name: "a"}}, proxies: []*proxy{newProxy(1, t.TempDir(), endpoint{})}}
	for _, call := range [][2]string{{"GET", "/demo/cluster"}, {"POST", "/demo/nodes/a/drain"}, {"POST", "/demo/nodes/a/undrain"}} {
		req := httptest.NewRequest(call[0], call[1], nil)
		req.Host = "localhost:8080"
		w := httptest.NewRecorder()
		controlHandler(c).ServeHTTP(w, req)
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "admin API") {
			t.Errorf("%s %s: status %d, %q, want 500 and a word of the admin API", call[0], call[1], w.Code, w.Body)
		}
	}
}

func TestBusyPortIsLeftAlone(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	port := busy.Addr().(*net.TCPAddr).Port
	var out strings.Builder
	f, err := chooseEndpoint(port, &out)
	if err != nil {
		t.Fatal(err)
	}
	if f.port == port || f.free() != nil {
		t.Errorf("port %d was chosen, which is not free", f.port)
	}
	if !strings.Contains(out.String(), "busy") {
		t.Errorf("it says %q, want that the port is busy", out.String())
	}
}
