package e2e

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Nodes over HTTPS, each with a certificate of the same authority.
func TestCaddyHoldsSessionsOfNodesOverHTTPS(t *testing.T) {
	cert, key := writeCertificate(t)
	nodes := startNodes(t, []string{"a", "b", "c"}, "--cert", cert, "--key", key)
	testUpstreams(t, caddyTo("https://", "transport http {\nkeepalive 2s\ntls_trust_pool file "+cert+"\n}"), nodes)
}

// Nodes that listen on Unix sockets.
func TestCaddyHoldsSessionsOfNodesOnUnixSockets(t *testing.T) {
	testUpstreams(t, caddyShorthand, startUnixNodes(t, "a", "b", "c"))
}

// testUpstreams runs a crowd over each of the transports at once.
func testUpstreams(t *testing.T, h host, nodes []*node) {
	t.Helper()
	f := h.serve(t, site{upstreams: addresses(nodes)})[0]
	var crowds runningCrowds
	for _, transport := range transports {
		crowds = append(crowds, plain.small().crowdOf(f, transport).start(t))
	}
	var all outcome
	for _, r := range crowds {
		o := r.outcome(t)
		o.assertHeld(t)
		all = all.and(o)
	}
	all.assertSpread(t, nodes)
}

// caddyTo is the socketio directive whose upstreams have a scheme.
func caddyTo(scheme string, options ...string) caddy {
	return caddy{proxy: func(upstreams string) string {
		return caddyWith(options...).proxy(scheme + strings.Join(strings.Fields(upstreams), " "+scheme))
	}}
}

// caddySpeakingH2C is a site that speaks HTTP/2 without TLS, too.
type caddySpeakingH2C struct{}

func (caddySpeakingH2C) serve(t *testing.T, sites ...site) []front {
	t.Helper()
	fronts, blocks := caddyShorthand.sites(t, sites...)
	admin := freeAddress(t)
	startCaddyfile(t, admin, "{\nadmin "+admin+"\ndefault_bind 127.0.0.1\nservers {\nprotocols h1 h2c\n}\n}\n"+blocks, fronts...)
	return fronts
}

// Of a hop over HTTP/2 without TLS, polling is all that Caddy can do: it has no
// WebSocket there, with this module or without (Caddy 2.11.9).
func TestCaddyHoldsPollingSessionsOverH2C(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c", "d"}, "--trace")
	inner := site{upstreams: []string{
		caddySpeakingH2C{}.serve(t, site{upstreams: addresses(nodes[:2])})[0].address(),
		caddySpeakingH2C{}.serve(t, site{upstreams: addresses(nodes[2:])})[0].address(),
	}}
	f := caddyTo("h2c://").expecting(badGateway).serve(t, inner)[0]
	alone := caddy{proxy: func(upstreams string) string { return "reverse_proxy h2c://" + strings.Fields(upstreams)[0] }}.expecting(badGateway).serve(t, inner)[0]

	// A client whose probe for an upgrade is refused stays with polling, and an
	// upstream is not to blame for a refusal.
	for range 20 {
		e := newEngine(t, f)
		opened := e.handshake(t)
		assert.Regexp(t, "^HTTP/1.1 502 ", f.say(t, upgradeRequest(f, e.sid)))
		r := e.post(t, "40")
		assert.Equal(t, opened.Header.Get("X-Node"), r.Header.Get("X-Node"))
		e.post(t, "1")
	}
	assert.Regexp(t, "^HTTP/1.1 502 ", f.say(t, upgradeRequest(f, "")))
	assert.Regexp(t, "^HTTP/1.1 502 ", alone.say(t, upgradeRequest(alone, "")))

	o := plain.small().crowdOf(f, []string{"polling"}).run(t)
	o.assertHeld(t)
	o.assertSpread(t, nodes)
}

// upgradeRequest asks for a WebSocket, of a session or of a new one, on a
// connection that is closed when it is refused.
func upgradeRequest(f front, sid string) string {
	query := "EIO=4&transport=websocket"
	if sid != "" {
		query += "&sid=" + sid
	}
	return "GET /socket.io/?" + query + " HTTP/1.1\r\nHost: " + f.address() +
		"\r\nConnection: Upgrade, close\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
}

// writeCertificate writes a certificate for 127.0.0.1, which is its own authority,
// and its key, and returns the paths of the two.
func writeCertificate(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber:          big.NewInt(1),
		Subject:               pkix.Name{CommonName: "node"},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(24 * time.Hour),
		IPAddresses:           []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA:                  true,
		BasicConstraintsValid: true,
		KeyUsage:              x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	require.NoError(t, err)
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	require.NoError(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	require.NoError(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), 0o600))
	return cert, key
}
