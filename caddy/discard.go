package caddy

import "net/http"

// orDiscard returns w, or a writer that drops everything when there is none:
// Caddy's header and query policies have none for their fallback, but its
// cookie policy needs one.
func orDiscard(w http.ResponseWriter) http.ResponseWriter {
	if w == nil {
		return discard{}
	}
	return w
}

// discard is an [http.ResponseWriter] that drops everything.
type discard struct{}

func (discard) Header() http.Header         { return make(http.Header) }
func (discard) Write(p []byte) (int, error) { return len(p), nil }
func (discard) WriteHeader(int)             {}

// Interface guards.
var _ http.ResponseWriter = discard{}
