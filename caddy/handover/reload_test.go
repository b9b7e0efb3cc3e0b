package handover_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
)

// patience is how long to wait for something that has to happen.
const patience = 30 * time.Second

// freeAddress returns a loopback address with a free port.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// load runs a Caddyfile in this process, with sites at these addresses whose
// replies have the number of the config. It returns how long loading took.
func load(t *testing.T, option string, config int, addresses ...string) time.Duration {
	t.Helper()
	file := "{\nadmin off\npersist_config off\n" + option + "\n}\n"
	for _, address := range addresses {
		file += fmt.Sprintf("http://%s {\nbind 127.0.0.1\naffinity\nrespond \"config %d\"\n}\n", address, config)
	}
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(file), map[string]any{"filename": "Caddyfile"})
	require.NoError(t, err)
	var cfg caddy.Config
	require.NoError(t, json.Unmarshal(adapted, &cfg))
	start := time.Now()
	require.NoError(t, caddy.Run(&cfg))
	return time.Since(start)
}

// stopAfter stops Caddy when the test ends.
func stopAfter(t *testing.T) {
	t.Helper()
	t.Cleanup(func() { require.NoError(t, caddy.Stop()) })
}

func TestReloadsLoseNoRequests(t *testing.T) {
	const clients, reloads = 20, 10
	address := freeAddress(t)
	load(t, "", 0, address)
	stopAfter(t)

	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	post := func() (string, error) {
		res, err := client.Post("http://"+address, "text/plain", strings.NewReader("a message"))
		if err != nil {
			return "", err
		}
		defer res.Body.Close()
		body, err := io.ReadAll(res.Body)
		return string(body), err
	}
	var finished atomic.Bool
	var all sync.WaitGroup
	for range clients {
		all.Go(func() {
			for !finished.Load() {
				_, err := post()
				assert.NoError(t, err)
			}
		})
	}
	for config := 1; config <= reloads; config++ {
		load(t, "", config, address)
		answer, err := post()
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("config %d", config), answer, "the new config serves")
	}
	finished.Store(true)
	all.Wait()
}

// Caddy stops its servers one after another. An idle connection of one server
// delays the reload by the timeout; one of each of four servers by no more.
func TestAReloadWaitsOnceForAllServers(t *testing.T) {
	const option = "affinity {\nhandover 1s\n}"
	var addresses []string
	for range 4 {
		addresses = append(addresses, freeAddress(t))
	}
	load(t, option, 0, addresses...)
	stopAfter(t)
	connectTo := func(addresses ...string) {
		for _, address := range addresses {
			conn, err := net.Dial("tcp", address)
			require.NoError(t, err)
			t.Cleanup(func() { _ = conn.Close() })
		}
	}
	connectTo(addresses[0])
	one := load(t, option, 1, addresses...)
	connectTo(addresses...)
	four := load(t, option, 2, addresses...)
	t.Logf("a reload with one idle connection: %s; with four on four servers: %s", one, four)
	assert.Less(t, four, 2*one)
}
