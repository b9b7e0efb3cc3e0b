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
	start := time.Now()
	require.NoError(t, tryLoad(t, option, config, addresses...))
	return time.Since(start)
}

// tryLoad is load for a config that may not load.
func tryLoad(t *testing.T, option string, config int, addresses ...string) error {
	t.Helper()
	file := "{\nadmin off\npersist_config off\n" + option + "\n}\n"
	for _, address := range addresses {
		file += fmt.Sprintf("http://%s {\nbind 127.0.0.1\naffinity\nrespond \"config %d\"\n}\n", address, config)
	}
	adapted, _, err := caddyconfig.GetAdapter("caddyfile").Adapt([]byte(file), map[string]any{"filename": "Caddyfile"})
	require.NoError(t, err)
	var cfg caddy.Config
	require.NoError(t, json.Unmarshal(adapted, &cfg))
	return caddy.Run(&cfg)
}

// reply returns the reply to a request on a new connection.
func reply(address string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	res, err := client.Get("http://" + address)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	return string(body), err
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
			// Connections are accepted in order, so this one has been accepted.
			_, err = reply(address)
			require.NoError(t, err)
		}
	}
	connectTo(addresses[0])
	one := load(t, option, 1, addresses...)
	connectTo(addresses...)
	four := load(t, option, 2, addresses...)
	t.Logf("a reload with one idle connection: %s; with four on four servers: %s", one, four)
	assert.Less(t, four, 2*one)
}

func TestReloadsTurnTheHandoverOffAndOn(t *testing.T) {
	address := freeAddress(t)
	stopAfter(t)
	for config := range 6 {
		option := ""
		if config%2 == 1 {
			option = "affinity {\nhandover off\n}"
		}
		load(t, option, config, address)
		// Without the handover on both sides, a connection may be reset.
		require.Eventually(t, func() bool {
			got, err := reply(address)
			return err == nil && got == fmt.Sprintf("config %d", config)
		}, patience, time.Millisecond)
	}
}

func TestAFailedLoadChangesNothing(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	address := freeAddress(t)
	load(t, "", 0, address)
	stopAfter(t)
	for config := 1; config <= 5; config++ { // Caddy starts servers in random order
		require.Error(t, tryLoad(t, "", config, address, taken.Addr().String()))
		got, err := reply(address)
		require.NoError(t, err)
		require.Equal(t, "config 0", got)
	}
	load(t, "", 6, address)
	got, err := reply(address)
	require.NoError(t, err)
	require.Equal(t, "config 6", got)
}
