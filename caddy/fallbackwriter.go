package caddy

import (
	"maps"
	"net/http"
	"slices"
)

// fallbackWriter buffers the headers that a fallback policy sets, such as the
// cookie of Caddy's cookie policy, until it is known whether its selection is
// used. It is also for policies that would get a nil writer: Caddy's header and
// query policies pass nil to their fallback.
type fallbackWriter struct {
	header http.Header
}

// Header implements [http.ResponseWriter].
func (f *fallbackWriter) Header() http.Header {
	if f.header == nil {
		f.header = http.Header{}
	}
	return f.header
}

// Write implements [http.ResponseWriter]. A policy writes no body.
func (*fallbackWriter) Write(p []byte) (int, error) { return len(p), nil }

// WriteHeader implements [http.ResponseWriter].
func (*fallbackWriter) WriteHeader(int) {}

// writeTo adds the headers to a reply, in place of those of an earlier try of the
// request. If w is nil, it drops them.
func (f *fallbackWriter) writeTo(w http.ResponseWriter, state *requestState) {
	if w == nil || f.header == nil && state.fallbackHeader == nil {
		return
	}
	reply := w.Header()
	for field, values := range state.fallbackHeader {
		reply[field] = slices.DeleteFunc(reply[field], func(value string) bool { return slices.Contains(values, value) })
		if len(reply[field]) == 0 {
			delete(reply, field)
		}
	}
	state.fallbackHeader = maps.Clone(f.header)
	for field, values := range f.header {
		reply[field] = append(reply[field], values...)
	}
}

// Interface guards.
var _ http.ResponseWriter = (*fallbackWriter)(nil)
