package engineio

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"regexp"
	"strings"
	"time"
)

// timeout is how long a client waits for a reply.
const timeout = 30 * time.Second

// Options say how a client behaves.
type Options struct {
	// Address is host:port of the proxy, and TLS reports whether it speaks HTTPS, with
	// any certificate.
	Address string
	TLS     bool

	// Version is the protocol version: 4, or 3 for Socket.IO 2.
	Version int

	// Cookies reports whether the client keeps cookies.
	Cookies bool

	// NodeCookie has the node set a cookie when it opens the session, as Engine.IO's
	// option cookie does.
	NodeCookie bool

	// AnyNode has every node answer the polls of the session.
	AnyNode bool
}

// Client is a client with one session and one connection.
type Client struct {
	Options
	// SID is the session ID, as the client knows it.
	SID string

	http   *http.Client
	cookie string
}

// NewClient returns a client without a session.
func NewClient(o Options) *Client {
	return &Client{Options: o, http: &http.Client{Timeout: timeout, Transport: &http.Transport{
		DisableCompression: true,
		TLSClientConfig:    o.tls(),
	}}}
}

// tls returns the TLS configuration.
func (o Options) tls() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"} //nolint:gosec // a proxy of the benchmark's own
}

// host returns the Host of requests: the name that certificates are for.
func (o Options) host() string {
	return "localhost" + o.Address[strings.LastIndexByte(o.Address, ':'):]
}

// openPacket is how a reply that opens a session begins.
var openPacket = regexp.MustCompile(`0\{"sid":"([^"]+)"`)

// Open opens the session that the client keeps.
func (c *Client) Open(ctx context.Context) error {
	header, body, err := c.get(ctx, c.opening(), "")
	if err != nil {
		return err
	}
	found := openPacket.FindStringSubmatch(body)
	if found == nil {
		return fmt.Errorf("no open packet: %q", body)
	}
	c.SID = found[1]
	if cookies := (&http.Response{Header: header}).Cookies(); c.Cookies && len(cookies) > 0 {
		c.cookie = cookies[0].Name + "=" + cookies[0].Value
	}
	return nil
}

// Poll asks for what the node has to say.
func (c *Client) Poll(ctx context.Context) error {
	_, body, err := c.get(ctx, c.session(), c.cookie)
	if err == nil && body != Message {
		err = fmt.Errorf("the node said %q", body)
	}
	return err
}

// Hold sends a poll that the node does not answer, and returns when it has ended.
func (c *Client) Hold(ctx context.Context) error {
	_, _, err := c.get(ctx, hold+c.session(), c.cookie)
	return err
}

// opening returns the query parameters of a handshake.
func (c *Client) opening() string {
	if c.NodeCookie {
		return nodeCookie
	}
	return ""
}

// session returns the query parameters of the session.
func (c *Client) session() string {
	if c.AnyNode {
		return anyNode + "&sid=" + c.SID
	}
	return "&sid=" + c.SID
}

// Handshake opens a session and forgets it.
func (c *Client) Handshake(ctx context.Context) error {
	_, body, err := c.get(ctx, c.opening(), "")
	if err == nil && !openPacket.MatchString(body) {
		err = fmt.Errorf("no open packet: %q", body)
	}
	return err
}

// Close closes the client's connection.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// get sends a polling request as a stock client of Node.js does.
func (c *Client) get(ctx context.Context, query, cookie string) (http.Header, string, error) {
	scheme := "http"
	if c.TLS {
		scheme = "https"
	}
	url := fmt.Sprintf("%s://%s/socket.io/?EIO=%d&transport=polling&t=%08x%s", scheme, c.Address, c.Version, uint32(time.Now().UnixNano()), query)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, "", err
	}
	req.Host = c.host()
	req.Header.Set("Accept", "*/*")
	req.Header.Set("User-Agent", "node-XMLHttpRequest")
	if cookie != "" {
		req.Header.Set("Cookie", cookie)
	}
	res, err := c.http.Do(req)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, "", err
	}
	if res.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s: %q", res.Status, body)
	}
	return res.Header, string(body), nil
}

// WebSocket is a session over WebSocket alone.
type WebSocket struct {
	conn   net.Conn
	reader *bufio.Reader
	buffer []byte
}

// OpenWebSocket opens a session over WebSocket.
func OpenWebSocket(ctx context.Context, o Options) (*WebSocket, error) {
	dialer := net.Dialer{Timeout: timeout}
	conn, err := dialer.DialContext(ctx, "tcp", o.Address)
	if err != nil {
		return nil, err
	}
	if o.TLS {
		conn = tls.Client(conn, o.tls())
	}
	ws := &WebSocket{conn: conn, reader: bufio.NewReaderSize(conn, 512)}
	if err := ws.open(o); err != nil {
		_ = conn.Close()
		return nil, err
	}
	return ws, nil
}

// open asks for the WebSocket, and reads the open packet.
func (s *WebSocket) open(o Options) error {
	if err := s.conn.SetDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	const request = "GET /socket.io/?EIO=%d&transport=websocket HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
	if _, err := fmt.Fprintf(s.conn, request, o.Version, o.host()); err != nil {
		return err
	}
	res, err := http.ReadResponse(s.reader, nil)
	if err != nil {
		return err
	}
	_ = res.Body.Close() // a reply of status 101 has none
	if res.StatusCode != http.StatusSwitchingProtocols {
		return errors.New(res.Status)
	}
	packet, err := readFrame(s.reader, nil)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(string(packet), `0{"sid":`) {
		return fmt.Errorf("no open packet: %q", packet)
	}
	return s.conn.SetDeadline(time.Time{})
}

// Echo sends a message and waits until the node has sent it back.
func (s *WebSocket) Echo(message []byte) error {
	if err := writeFrame(s.conn, message, true); err != nil {
		return err
	}
	got, err := readFrame(s.reader, s.buffer)
	if err != nil {
		return err
	}
	if len(got) != len(message) {
		return fmt.Errorf("%d bytes came back, of %d", len(got), len(message))
	}
	s.buffer = got[:0]
	return nil
}

// WaitClosed waits until the WebSocket has ended.
func (s *WebSocket) WaitClosed() {
	for {
		if _, err := readFrame(s.reader, s.buffer); err != nil {
			return
		}
	}
}

// Close closes the WebSocket.
func (s *WebSocket) Close() { _ = s.conn.Close() }
