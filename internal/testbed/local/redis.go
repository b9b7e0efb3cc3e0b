package local

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"time"
)

// ErrNoRedis is returned when there is no redis-server to start.
var ErrNoRedis = errors.New("there is no redis-server: run make deps")

// StartRedis starts a Redis without persistence on a free port of 127.0.0.1, and
// returns its URL once it answers. It works in dir, and leaves nothing there. It
// ends with this process.
func StartRedis(ctx context.Context, dir string, limit time.Duration) (*Process, string, error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, "", ErrNoRedis
	}
	address, err := FreeAddress()
	if err != nil {
		return nil, "", err
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", fmt.Errorf("splitting the address of Redis: %w", err)
	}
	p, err := Start(Options{Name: "redis", Supervise: true, Args: []string{
		program, "--bind", host, "--port", port, "--dir", dir, "--save", "", "--appendonly", "no",
	}})
	if err != nil {
		return nil, "", err
	}
	err = p.WaitUntil(ctx, limit, "redis answers at "+address, func() bool { return pings(address) })
	if err != nil {
		p.Kill()
		return nil, "", err
	}
	return p, "redis://" + address, nil
}

// pings reports whether a Redis answers.
func pings(address string) bool {
	const limit = 5 * time.Second
	conn, err := net.DialTimeout("tcp", address, limit)
	if err != nil {
		return false
	}
	defer conn.Close()
	if conn.SetDeadline(time.Now().Add(limit)) != nil {
		return false
	}
	if _, err := conn.Write([]byte("PING\r\n")); err != nil {
		return false
	}
	answer := make([]byte, len("+PONG\r\n"))
	n, _ := conn.Read(answer)
	return string(answer[:n]) == "+PONG\r\n"
}
