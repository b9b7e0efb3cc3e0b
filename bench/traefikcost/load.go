package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"time"
)

// kind is a kind of requests.
type kind struct {
	title string
	send  func(*client, context.Context) error
}

var kinds = []kind{
	{title: "poll", send: (*client).poll},
	{title: "handshake", send: (*client).handshake},
}

// client is a Socket.IO client with one session and one connection.
type client struct {
	http *http.Client
	url  string

	// cookies says that the client keeps cookies, and cookie is the one that it
	// has got.
	cookies bool
	cookie  string

	sid string
}

func newClient(address string, cookies bool) *client {
	return &client{
		http:    &http.Client{Transport: &http.Transport{DisableCompression: true}, Timeout: 10 * time.Second},
		url:     "http://" + address + "/socket.io/?EIO=4&transport=polling&t=",
		cookies: cookies,
	}
}

// openPacket is how a handshake's reply begins.
var openPacket = regexp.MustCompile(`^0\{"sid":"([^"]+)"`)

// open opens the session that the client keeps.
func (c *client) open(ctx context.Context) error {
	header, body, err := c.get(ctx, c.url+stamp(), "")
	if err != nil {
		return err
	}
	found := openPacket.FindStringSubmatch(body)
	if found == nil {
		return fmt.Errorf("no open packet: %q", body)
	}
	c.sid = found[1]
	if cookies := (&http.Response{Header: header}).Cookies(); c.cookies && len(cookies) > 0 {
		c.cookie = cookies[0].Name + "=" + cookies[0].Value
	}
	if bound := len(c.sid) > sidLength; c.cookies == bound || c.cookies && c.cookie == "" {
		return fmt.Errorf("sid %q, cookie %q: nothing keeps the session, or too much", c.sid, c.cookie)
	}
	return nil
}

// poll asks for what the node has to say.
func (c *client) poll(ctx context.Context) error {
	_, body, err := c.get(ctx, c.url+stamp()+"&sid="+c.sid, c.cookie)
	if err == nil && body != message {
		err = fmt.Errorf("the node said %q", body)
	}
	return err
}

// handshake opens a session and forgets it.
func (c *client) handshake(ctx context.Context) error {
	_, body, err := c.get(ctx, c.url+stamp(), "")
	if found := openPacket.FindStringSubmatch(body); err == nil &&
		(found == nil || (len(found[1]) > sidLength) == c.cookies) {
		err = fmt.Errorf("no open packet, or one that is not bound as it should be: %q", body)
	}
	return err
}

// stamp is the parameter with which clients get past caches.
func stamp() string {
	return fmt.Sprintf("%08x", uint32(time.Now().UnixNano()))
}

func (c *client) get(ctx context.Context, url, cookie string) (http.Header, string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return nil, "", err
	}
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
