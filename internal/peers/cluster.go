package peers

import (
	"context"
	"encoding/json"
	"io"
	"maps"
	"path/filepath"
	"strings"
	"sync"

	"github.com/eio-affinity/affinity/internal/testbed/local"
)

// cluster is Node's own cluster with a package from npm: testdata/socketio/cluster.js.
type cluster struct{ module string }

func (c cluster) configure(r *Running) ([]string, error) {
	root, err := local.Root()
	if err != nil {
		return nil, err
	}
	_, port, _ := strings.Cut(r.address, ":")
	args := []string{"node", filepath.Join(root, "testdata", "socketio", "node.js"), "--cluster", c.module, "--port", port}
	for i := range r.Site.Workers {
		args = append(args, "--name", string(rune('a'+i)))
	}
	return append(args, r.Site.WorkerFlags...), nil
}

// ready takes any answer: with proxy: true, socketio-sticky-session refuses everything.
func (cluster) ready(r *Running, status int) bool {
	return status != 0 && r.workers.count() >= r.Site.Workers
}

// reload has the cluster fork one more worker, which is the only change that it knows.
func (cluster) reload(ctx context.Context, r *Running) error {
	before := r.workers.count()
	if _, err := io.WriteString(r.Stdin, "fork\n"); err != nil {
		return err
	}
	return r.WaitUntil(ctx, Limit, "it has one more worker", func() bool { return r.workers.count() > before })
}

// workers are those of a cluster that have started, by name.
type workers struct {
	mu   sync.Mutex
	pids map[string]int
}

// readLine reads what a worker prints when it is up.
func (w *workers) readLine(line string) {
	var up struct {
		Name string
		PID  int
	}
	if json.Unmarshal([]byte(line), &up) != nil || up.PID == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pids == nil {
		w.pids = map[string]int{}
	}
	w.pids[up.Name] = up.PID
}

func (w *workers) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.pids)
}

// Workers returns the process IDs of the workers that a cluster has started, by name.
func (r *Running) Workers() map[string]int {
	r.workers.mu.Lock()
	defer r.workers.mu.Unlock()
	return maps.Clone(r.workers.pids)
}
