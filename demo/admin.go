package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// admin calls the admin API of a proxy, which is on a Unix socket, so that nobody
// else can call it.
type admin struct {
	client *http.Client
}

func newAdmin(socket string) *admin {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &admin{client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: dial}}}
}

// upstreams returns the state of each node, as the proxy sees it.
func (a *admin) upstreams(ctx context.Context) ([]adminapi.Upstream, error) {
	var all []adminapi.Upstream
	err := a.call(ctx, http.MethodGet, adminapi.UpstreamsPath, nil, &all)
	return all, err
}

// drain drains an upstream, or undoes that.
func (a *admin) drain(ctx context.Context, address string, on bool) error {
	path := adminapi.UndrainPath
	if on {
		path = adminapi.DrainPath
	}
	return a.call(ctx, http.MethodPost, path, adminapi.DrainRequest{Upstream: address}, new(adminapi.Upstream))
}

func (a *admin) call(ctx context.Context, method, path string, request, reply any) error {
	body, err := json.Marshal(request)
	if err != nil {
		return fmt.Errorf("encoding a request to the admin API: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, method, "http://127.0.0.1"+path, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("calling the admin API: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("calling the admin API: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		problem, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("%s %s of the admin API: %s: %s", method, path, resp.Status, problem)
	}
	if err := json.NewDecoder(resp.Body).Decode(reply); err != nil {
		return fmt.Errorf("decoding %s of the admin API: %w", path, err)
	}
	return nil
}
