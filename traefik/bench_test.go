package traefik

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// BenchmarkRequest measures the middleware without the rest of Traefik. To run it
// in the interpreter: bin/yaegi test -bench Request, with the GOPATH of make
// test-yaegi.
func BenchmarkRequest(b *testing.B) {
	cases := []struct{ name, query string }{
		{"a poll", polling + "&t=sax6fk6i&sid=" + value + ".rYvVOSuxstMYwaX_AAAA"},
		{"a poll with parameters of the application", "shop=1&" + polling + "&t=sax6fk6i&sid=" + value + ".rYvVOSuxstMYwaX_AAAA&Auth=x"},
		{"a poll of Engine.IO 3", polling3 + "&t=sax6fk6i&sid=rYvVOSuxstMYwaX_AAAA"},
		{"a handshake", polling + "&t=sax6fk6i"},
		{"a handshake with parameters of the application", "shop=1&" + polling + "&t=sax6fk6i&Auth=x"},
		{"a handshake with a server that sets a cookie", polling + "&t=sax6fk6i&io=1"},
		{"a handshake of Engine.IO 3", polling3 + "&t=sax6fk6i"},
		{"another request", "page=1&sort=name"},
	}
	body := []byte(openPacket)
	next := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		if r.Header["Cookie"] == nil {
			header["Set-Cookie"] = []string{cookie + "=" + value + "; Path=/"}
		}
		if strings.HasSuffix(r.URL.RawQuery, "io=1") {
			header["Set-Cookie"] = append(header["Set-Cookie"], "io=rYvVOSuxstMYwaX_AAAA; Path=/; HttpOnly")
		}
		header["Content-Length"] = []string{"118"}
		w.WriteHeader(http.StatusOK)
		_, _ = w.Write(body)
	})
	config := CreateConfig()
	config.CookieNames = []string{cookie}
	handler, err := New(nil, next, config, "bench@file") //nolint:staticcheck // New does not use it
	if err != nil {
		b.Fatal(err)
	}
	for _, tc := range cases {
		tc := tc
		b.Run(tc.name, func(b *testing.B) {
			b.ReportAllocs()
			r := httptest.NewRequest(http.MethodGet, "/socket.io/?"+tc.query, http.NoBody)
			uri := r.RequestURI
			for i := 0; i < b.N; i++ {
				r.RequestURI = uri
				r.URL.RawQuery = tc.query
				delete(r.Header, "Cookie")
				handler.ServeHTTP(httptest.NewRecorder(), r)
			}
		})
	}
}
