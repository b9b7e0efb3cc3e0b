package e2e

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// modulePath is the path of this module, as go.mod states it.
const modulePath = "github.com/eio-affinity/affinity"

// moduleProxy is a Go module proxy that serves this module as a release of it
// would be, under one version, and hands every other module on to the next
// proxy. It knows the endpoints of https://go.dev/ref/mod#goproxy-protocol:
//
//	<module>/@v/list
//	<module>/@latest
//	<module>/@v/<version>.info
//	<module>/@v/<version>.mod
//	<module>/@v/<version>.zip
type moduleProxy struct {
	version string
	files   map[string][]byte // By endpoint, from the "@" on.
	next    http.Handler
}

// newModuleProxy packs the module in the folder root as the version that a
// commit at a time would have, and returns the proxy that serves it. Other
// modules come from the proxy at next.
func newModuleProxy(root string, at time.Time, commit string, next *url.URL) (*moduleProxy, error) {
	at = at.UTC().Truncate(time.Second)
	version := fmt.Sprintf("v0.0.0-%s-%s", at.Format("20060102150405"), commit)

	goMod, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return nil, fmt.Errorf("reading go.mod: %w", err)
	}
	files, err := moduleFiles(root)
	if err != nil {
		return nil, err
	}
	var zipped bytes.Buffer
	if err := zipModule(&zipped, root, version, files); err != nil {
		return nil, err
	}
	about, err := json.Marshal(map[string]any{"Version": version, "Time": at})
	if err != nil {
		return nil, fmt.Errorf("describing %s: %w", version, err)
	}

	return &moduleProxy{
		version: version,
		files: map[string][]byte{
			"@v/list":                 nil, // A version of a commit is never listed.
			"@latest":                 about,
			"@v/" + version + ".info": about,
			"@v/" + version + ".mod":  goMod,
			"@v/" + version + ".zip":  zipped.Bytes(),
		},
		next: &httputil.ReverseProxy{
			Rewrite: func(r *httputil.ProxyRequest) {
				r.SetURL(next)
				if next.User != nil {
					password, _ := next.User.Password()
					r.Out.SetBasicAuth(next.User.Username(), password)
				}
			},
		},
	}, nil
}

// ServeHTTP answers go. To find the module of a package, go asks for every
// path above and below this module's too. Those are refused here, so that no
// one else is ever asked for a module that is not published.
func (p *moduleProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	owner := path.Dir(modulePath)
	module, endpoint, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/@")
	content, ok := p.files["@"+endpoint]
	switch {
	case module == modulePath && ok:
		if _, err := w.Write(content); err != nil {
			panic(http.ErrAbortHandler)
		}
	case strings.Contains(module, owner), strings.HasPrefix(owner, module+"/"):
		http.NotFound(w, r)
	default:
		p.next.ServeHTTP(w, r)
	}
}

// moduleFiles lists the files of the module in the folder root, relative to
// it: those that git tracks or would on "git add", less the ones of nested
// modules and what is not a regular file, which no module may hold.
func moduleFiles(root string) ([]string, error) {
	git := exec.Command("git", "ls-files", "--cached", "--others", "--exclude-standard", "--deduplicate", "-z")
	git.Dir = root
	var complaints bytes.Buffer
	git.Stderr = &complaints
	out, err := git.Output()
	if err != nil {
		return nil, fmt.Errorf("listing the module's files: %w: %s", err, complaints.Bytes())
	}

	var listed, nested []string
	for name := range strings.SplitSeq(string(out), "\x00") {
		if name == "" {
			continue
		}
		stat, err := os.Lstat(filepath.Join(root, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue // Deleted, and still tracked.
		}
		if err != nil {
			return nil, fmt.Errorf("looking at a file of the module: %w", err)
		}
		if !stat.Mode().IsRegular() {
			continue
		}
		listed = append(listed, name)
		if path.Base(name) == "go.mod" && name != "go.mod" {
			nested = append(nested, path.Dir(name)+"/")
		}
	}
	return slices.DeleteFunc(listed, func(name string) bool {
		return slices.ContainsFunc(nested, func(dir string) bool { return strings.HasPrefix(name, dir) })
	}), nil
}

// zipModule writes files of the folder root as a module zip,
// https://go.dev/ref/mod#zip-files: every name starts with the module's path
// and version, and no folder has an entry of its own.
func zipModule(w io.Writer, root, version string, files []string) error {
	archive := zip.NewWriter(w)
	for _, name := range files {
		content, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			return fmt.Errorf("reading a file of the module: %w", err)
		}
		entry, err := archive.Create(modulePath + "@" + version + "/" + name)
		if err != nil {
			return fmt.Errorf("zipping %s: %w", name, err)
		}
		if _, err := entry.Write(content); err != nil {
			return fmt.Errorf("zipping %s: %w", name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("zipping the module: %w", err)
	}
	return nil
}

func TestModuleProxy(t *testing.T) {
	var handedOn []string
	next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		handedOn = append(handedOn, r.URL.Path)
	}))
	t.Cleanup(next.Close)
	nextURL, err := url.Parse(next.URL + "/base")
	require.NoError(t, err)
	proxy, err := newModuleProxy("..", time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), "0123456789ab", nextURL)
	require.NoError(t, err)
	const version = "v0.0.0-20260102030405-0123456789ab"
	get := func(path string) *httptest.ResponseRecorder {
		handedOn = nil
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer
	}

	t.Run("serves this module", func(t *testing.T) {
		about := get("/" + modulePath + "/@v/" + version + ".info")
		require.Equal(t, http.StatusOK, about.Code)
		assert.JSONEq(t, `{"Version":"`+version+`","Time":"2026-01-02T03:04:05Z"}`, about.Body.String())
		assert.Equal(t, about.Body.String(), get("/"+modulePath+"/@latest").Body.String())
		assert.Contains(t, get("/"+modulePath+"/@v/"+version+".mod").Body.String(), "module "+modulePath+"\n")
		assert.Equal(t, http.StatusOK, get("/"+modulePath+"/@v/list").Code)

		zipped := get("/" + modulePath + "/@v/" + version + ".zip").Body
		archive, err := zip.NewReader(bytes.NewReader(zipped.Bytes()), int64(zipped.Len()))
		require.NoError(t, err)
		names := make([]string, 0, len(archive.File))
		for _, file := range archive.File {
			name, found := strings.CutPrefix(file.Name, modulePath+"@"+version+"/")
			assert.True(t, found, file.Name)
			names = append(names, name)
		}
		assert.Subset(t, names, []string{"go.mod", "LICENSE", "core/doc.go", "testdata/handshakes/index.json"})
		assert.NotContains(t, names, "tools/xcaddy/go.mod")
		assert.Empty(t, handedOn)
	})

	for _, path := range []string{
		"/github.com/@v/" + version + ".info",
		"/github.com/eio-affinity/@v/" + version + ".info",
		"/" + modulePath + "/caddy/@v/" + version + ".info",
		"/" + modulePath + "/@v/v9.9.9.info",
		"/sumdb/sum.example/lookup/" + modulePath + "@" + version,
	} {
		t.Run("refuses "+path, func(t *testing.T) {
			assert.Equal(t, http.StatusNotFound, get(path).Code)
			assert.Empty(t, handedOn)
		})
	}

	for _, path := range []string{
		"/github.com/caddyserver/caddy/v2/@v/v2.11.9.mod",
		"/sumdb/sum.example/supported",
	} {
		t.Run("hands on "+path, func(t *testing.T) {
			assert.Equal(t, http.StatusOK, get(path).Code)
			assert.Equal(t, []string{"/base" + path}, handedOn)
		})
	}
}
