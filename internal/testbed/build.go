package testbed

import (
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BuildCaddy builds bin/caddy, the Caddy under test, as make build does: without
// debug symbols, as xcaddy builds a Caddy.
func BuildCaddy() error {
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", Binary("caddy"), "./cmd/caddy")
	build.Dir = Path()
	build.Stdout, build.Stderr = os.Stderr, os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("building bin/caddy: %w", err)
	}
	return nil
}

// buildRaceCaddy builds bin/caddy-race, the Caddy under test with the race
// detector, and returns its path. Its flags are those of make test-units as far
// as possible: flags that change no package's code still change its cache key.
func buildRaceCaddy(t *testing.T) string {
	t.Helper()
	build := exec.CommandContext(t.Context(), "go", "build", "-race", "-ldflags=-s -w", "-o", Binary("caddy-race"), "./cmd/caddy")
	build.Dir = Path()
	build.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=-buildvcs=false -tags=nobadger,nomysql,nopgx")
	began := time.Now()
	output, err := build.CombinedOutput()
	require.NoError(t, err, "building bin/caddy-race: %s", output)
	t.Logf("%s: building bin/caddy-race took %.0f s", t.Name(), time.Since(began).Seconds())
	return Binary("caddy-race")
}
