// Package emptyplugin is a Traefik middleware plugin that does nothing but call
// the next handler, so what it costs is what any plugin costs.
package emptyplugin

import (
	"context"
	"net/http"
)

// Config has no options.
type Config struct{}

// CreateConfig returns the configuration.
func CreateConfig() *Config {
	return &Config{}
}

// Empty is the middleware.
type Empty struct {
	next http.Handler
}

// New returns the middleware in front of next.
func New(_ context.Context, next http.Handler, _ *Config, _ string) (http.Handler, error) {
	return &Empty{next: next}, nil
}

// ServeHTTP implements [http.Handler].
func (e *Empty) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.next.ServeHTTP(w, r)
}
