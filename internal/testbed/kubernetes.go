package testbed

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Kubernetes is an API server of which a proxy can list and watch resources. It
// keeps what it is given, and nothing else of Kubernetes runs: the test says what
// its controllers would do.
type Kubernetes struct {
	URL string

	mu      sync.Mutex
	version int                 // of the last change
	changed chan struct{}       // closed at the next change
	objects map[string][]Object // by the path of their kind
	events  map[string][]kubernetesEvent
}

// kubernetesEvent is a change as a watch reports it.
type kubernetesEvent struct {
	Type   string `json:"type"`
	Object Object `json:"object"`

	version int
}

// StartKubernetes runs an API server until the test ends.
func StartKubernetes(t *testing.T) *Kubernetes {
	t.Helper()
	k := &Kubernetes{changed: make(chan struct{}), objects: map[string][]Object{}, events: map[string][]kubernetesEvent{}}
	server := httptest.NewServer(k)
	t.Cleanup(func() {
		server.CloseClientConnections()
		server.Close()
	})
	k.URL = server.URL
	return k
}

// Apply adds resources, or replaces those of the same kind and name. Their namespace
// is default.
func (k *Kubernetes) Apply(t *testing.T, resources ...Object) {
	t.Helper()
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, o := range resources {
		metadata, named := o["metadata"].(Object)
		require.True(t, named, "a resource without metadata: %v", o)
		k.version++
		metadata["namespace"], metadata["resourceVersion"] = "default", strconv.Itoa(k.version)
		path := resourcePath(o)
		same := func(other Object) bool { return other["metadata"].(Object)["name"] == metadata["name"] }
		change := "ADDED"
		if i := slices.IndexFunc(k.objects[path], same); i >= 0 {
			change = "MODIFIED"
			k.objects[path][i] = o
		} else {
			k.objects[path] = append(k.objects[path], o)
		}
		k.events[path] = append(k.events[path], kubernetesEvent{change, o, k.version})
	}
	close(k.changed)
	k.changed = make(chan struct{})
}

// resourcePath returns the path at which resources like this one are listed.
func resourcePath(o Object) string {
	version, root := o["apiVersion"].(string), "/apis/"
	if !strings.Contains(version, "/") {
		root = "/api/"
	}
	return root + version + "/" + strings.ToLower(o["kind"].(string)) + "s"
}

// ServeHTTP implements [http.Handler].
func (k *Kubernetes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	query := r.URL.Query()
	switch {
	case r.Method != http.MethodGet || query.Has("sendInitialEvents"): // clients list then
		w.WriteHeader(http.StatusUnprocessableEntity)
		_ = json.NewEncoder(w).Encode(Object{"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": "Invalid", "code": http.StatusUnprocessableEntity})
	case query.Has("watch"):
		since, _ := strconv.Atoi(query.Get("resourceVersion"))
		k.watch(w, r, since)
	default:
		_ = json.NewEncoder(w).Encode(k.list(r.URL.Path))
	}
}

// list returns the resources of a path. Clients know what kind it has.
func (k *Kubernetes) list(path string) Object {
	k.mu.Lock()
	defer k.mu.Unlock()
	return Object{
		"metadata": Object{"resourceVersion": strconv.Itoa(k.version)},
		"items":    append([]Object{}, k.objects[path]...),
	}
}

// watch reports the changes after a version until the client leaves.
func (k *Kubernetes) watch(w http.ResponseWriter, r *http.Request, since int) {
	encoder := json.NewEncoder(w)
	for {
		k.mu.Lock()
		changed := k.changed
		var events []kubernetesEvent
		for _, event := range k.events[r.URL.Path] {
			if event.version > since {
				events = append(events, event)
			}
		}
		since = k.version
		k.mu.Unlock()
		for _, event := range events {
			if encoder.Encode(event) != nil {
				return
			}
		}
		_ = http.NewResponseController(w).Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// EndpointSlice returns the resource that names the pods of a service, which are
// nodes with the same port, as Kubernetes does: a pod that terminates is not ready,
// and serves for as long as its readiness probe succeeds.
func EndpointSlice(t *testing.T, service string, nodes []*Node, terminating ...*Node) Object {
	t.Helper()
	endpoints := make([]Object, len(nodes))
	port := 0
	for i, n := range nodes {
		host, text, err := net.SplitHostPort(n.Addr)
		require.NoError(t, err)
		port, err = strconv.Atoi(text)
		require.NoError(t, err)
		ends := slices.Contains(terminating, n)
		endpoints[i] = Object{"addresses": []string{host}, "conditions": Object{"ready": !ends, "serving": true, "terminating": ends}}
	}
	return Object{
		"apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice",
		"metadata":    Object{"name": fmt.Sprint(service, "-1"), "labels": Object{"kubernetes.io/service-name": service}},
		"addressType": "IPv4",
		"ports":       []Object{{"name": "http", "port": port, "protocol": "TCP"}},
		"endpoints":   endpoints,
	}
}
