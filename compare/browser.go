package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/eio-affinity/affinity/internal/testbed"
	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// browser is a Chromium that blocks third-party cookies, driven by
// testdata/socketio/browser.js.
type browser struct {
	*local.Process
	temp string

	mu    sync.Mutex
	runs  int
	lines map[int]chan string // of each run that has not ended
}

func startBrowser() (*browser, error) {
	settings, err := json.Marshal(testbed.BrowserOptions{Flags: []string{"--disable-quic"}})
	if err != nil {
		return nil, err
	}
	temp, err := os.MkdirTemp("", "browser-")
	if err != nil {
		return nil, err
	}
	b := &browser{temp: temp, lines: map[int]chan string{}}
	b.Process, err = startProgram([]string{"browser.js", string(settings)}, b.receive, "TMPDIR="+temp)
	return b, err
}

// close closes standard input, and waits until the program has ended its Chromium,
// which has a process group of its own.
func (b *browser) close() {
	_ = b.Stdin.Close()
	select {
	case <-b.Exited():
	case <-time.After(patience):
		b.Kill()
	}
	_ = os.RemoveAll(b.temp)
}

func (b *browser) receive(line string) {
	var result struct{ Run int }
	_ = json.Unmarshal([]byte(line), &result)
	b.mu.Lock()
	defer b.mu.Unlock()
	if lines := b.lines[result.Run]; lines != nil {
		lines <- line
		delete(b.lines, result.Run)
	}
}

// run loads a page, and returns the result of the clients in it.
func (b *browser) run(ctx context.Context, c testbed.BrowserClients) (testbed.Result, error) {
	lines := make(chan string, 1)
	b.mu.Lock()
	b.runs++
	c.Run, c.Timeout = b.runs, patience.Milliseconds()
	b.lines[c.Run] = lines
	settings, err := json.Marshal(c)
	if err == nil {
		_, err = b.Stdin.Write(append(settings, '\n'))
	}
	b.mu.Unlock()
	if err != nil {
		return testbed.Result{}, fmt.Errorf("asking the browser: %w", err)
	}
	select {
	case line := <-lines:
		return resultOf(line)
	case <-ctx.Done():
		return testbed.Result{}, ctx.Err()
	case <-b.Exited():
		return testbed.Result{}, b.Err()
	}
}

// otherSite runs clients in a page of localhost, which is another site than 127.0.0.1.
func otherSite(ctx context.Context, s *stage) (outcome, error) {
	b, err := s.browser()
	if err != nil {
		return outcome{}, err
	}
	options := testbed.Object{"withCredentials": true}
	if s.system.Headers != nil {
		options["extraHeaders"] = s.system.Headers
	}
	r, err := b.run(ctx, testbed.BrowserClients{
		Clients: testbed.Clients{URL: s.proxy.URL, Count: inPage, Transports: polling, Messages: rounds, MaxBytes: 2000},
		Page:    strings.Replace(s.page(), "127.0.0.1", "localhost", 1) + testbed.PagePath,
		Build:   testbed.SocketIO4Build,
		Options: options,
		Visit:   true, // all clients would have the proxy's cookie, if it were kept
	})
	return judged(r), err
}
