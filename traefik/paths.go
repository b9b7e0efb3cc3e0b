package traefik

// A path is known if a server has opened a session there: it is the path of an
// Engine.IO server, whose response to a handshake is short. See serveKnownPath. A
// client can choose the end of such a path, so their number and length are limited.
const (
	maxPaths      = 64
	maxPathLength = 128
)

// setPath sets whether a path is known. It replaces the map, so that requests can
// go on with the previous one.
func setPath(a *Affinity, path string, known bool) {
	a.pathsMu.Lock()
	defer a.pathsMu.Unlock()
	before := a.paths.Load().(map[string]bool)
	if before[path] == known || known && (len(before) >= maxPaths || len(path) > maxPathLength) {
		return
	}
	after := map[string]bool{}
	for other := range before {
		after[other] = true
	}
	if known {
		after[path] = true
	} else {
		delete(after, path)
	}
	a.paths.Store(after)
}
