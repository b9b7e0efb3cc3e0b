package peers

import (
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/eio-affinity/affinity/internal/testbed"
)

func TestMain(m *testing.M) {
	if err := testbed.BuildCaddy(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// A system in front of two nodes reloads, gets a third one, and leaves nothing behind.
func TestEverySystemReloadsGrowsAndEnds(t *testing.T) {
	t.Parallel()
	nodes := make([]string, 3)
	for i := range nodes {
		n := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "ok") }))
		t.Cleanup(n.Close)
		nodes[i] = n.Listener.Addr().String()
	}
	for _, s := range withCookies() {
		if s.Workers {
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r, err := s.Start(t.Context(), Site{Nodes: nodes[:2]})
			if s.Refusal != "" && errors.Is(err, ErrRefused) {
				return // by the edition that is installed, as docs/comparison.md says
			}
			require.NoError(t, err)
			defer r.Stop()
			require.NoError(t, r.Reload(t.Context()))
			require.NoError(t, r.AddNode(t.Context(), nodes[2]))
			assert.Equal(t, nodes, r.Site.Nodes)
			assert.Equal(t, http.StatusOK, r.status(t.Context(), "/health"))
			requireEnds(t, r)
		})
	}
}

func TestAClusterHasItsWorkers(t *testing.T) {
	t.Parallel()
	testbed.RequireNodeModules(t)
	for _, s := range All() {
		if !s.Workers || s.Headers != nil { // which answers nothing: see docs/comparison.md
			continue
		}
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r, err := s.Start(t.Context(), Site{Workers: 2})
			require.NoError(t, err)
			defer r.Stop()
			assert.Len(t, r.Workers(), 2)
			require.ErrorIs(t, r.Reload(t.Context()), ErrLacks)
			if s.Lacks[Growing] == "" {
				require.NoError(t, r.AddNode(t.Context(), ""))
				assert.Len(t, r.Workers(), 3)
			} else {
				require.ErrorIs(t, r.AddNode(t.Context(), ""), ErrLacks)
			}
			requireEnds(t, r)
		})
	}
}

func TestEveryConfigurationIsThatOfASystem(t *testing.T) {
	t.Parallel()
	used := map[string]bool{}
	for _, s := range withCookies() {
		used[s.Config] = true
	}
	files, err := fs.ReadDir(configs, "configs")
	require.NoError(t, err)
	for _, file := range files {
		assert.True(t, used[file.Name()], "nothing uses %s", file.Name())
	}
}

func TestNamesAreUniqueAndHaveNoSpaces(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, s := range withCookies() {
		assert.False(t, known[s.Name], s.Name)
		assert.False(t, strings.ContainsAny(s.Name, " ,"), s.Name)
		known[s.Name] = true
	}
	ours := Named("traefik-affinity", "caddy-affinity")
	require.Len(t, ours, 2)
	assert.Equal(t, "caddy-affinity", ours[0].Name)
}

// withCookies returns all systems, and those that have their cookie too.
func withCookies() []*System {
	var all []*System
	for _, s := range All() {
		all = append(all, s)
		if s.WithCookie != nil {
			all = append(all, s.WithCookie)
		}
	}
	return all
}

// requireEnds stops a system and checks that neither processes nor files are left.
func requireEnds(t *testing.T, r *Running) {
	t.Helper()
	pids, err := r.PIDs()
	require.NoError(t, err)
	require.NotEmpty(t, pids)
	r.Stop()
	testbed.RequireEventually(t, "all processes have ended", func() bool {
		_, err := r.PIDs()
		return err != nil
	})
	_, err = os.Stat(r.dir)
	assert.ErrorIs(t, err, fs.ErrNotExist)
}
