package e2e

import (
	"crypto/tls"
	"net/http"
	"testing"
)

// site is what a host is asked to serve on an address of its own.
type site struct {
	upstreams []string // the nodes' addresses
	secure    bool     // HTTPS, with a certificate nobody knows
	encode    bool     // compress replies with gzip
}

// front is the address of a site that a host serves.
type front struct {
	url string // scheme://host:port
	tag string // the pattern of the tags that it gives to sids

	// knowsTags says that it takes off only the tags of its own upstreams, and no
	// other of the same form.
	knowsTags bool

	// greets says that it gives a cookie to a client whose session begins with
	// a WebSocket.
	greets bool

	// gives says that it gives a cookie to every client.
	gives bool

	// uneven says that it may give one node more sessions than another.
	uneven bool

	// proxy is the host's program, and profile where that tells of itself, if
	// it does: host:port.
	proxy   *process
	profile string
}

// cookies is how many cookies the front sets for so many clients.
func (f front) cookies(clients int, transports []string) int {
	if f.gives || f.greets && transports[0] == "websocket" {
		return clients
	}
	return 0
}

// boundSID is the pattern of what a client must be given: the tag, a dot, and
// the node's own sid.
func (f front) boundSID() string {
	return "^" + f.tag + `\.[A-Za-z0-9_-]{20}$`
}

// host is a program under test. The same cases run against each.
type host interface {
	// serve starts the host, one front for each site, and returns them once
	// all of them answer. It ends with the test.
	serve(t *testing.T, sites ...site) []front
}

// get asks the front for a path with a connection of its own.
func (f front) get(path string) (*http.Response, error) {
	client := http.Client{
		Timeout: guard,
		Transport: &http.Transport{
			DisableKeepAlives: true,
			TLSClientConfig:   &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is the host's own
		},
	}
	resp, err := client.Get(f.url + path)
	if err == nil {
		_ = resp.Body.Close()
	}
	return resp, err
}

// requireAnswers waits until the front answers a request, whatever it says, for
// as long as the process behind it runs.
func (f front) requireAnswers(t *testing.T, p *process) {
	t.Helper()
	requireSoon(t, p.name+" answers at "+f.url, func() bool {
		p.requireRuns(t)
		_, err := f.get("/")
		return err == nil
	})
}
