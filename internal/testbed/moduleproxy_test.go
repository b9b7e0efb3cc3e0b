package testbed

import (
	"archive/zip"
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestModuleProxy(t *testing.T) {
	var handedOn []string
	next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		handedOn = append(handedOn, r.URL.Path)
	}))
	t.Cleanup(next.Close)
	nextURL, err := url.Parse(next.URL + "/base")
	require.NoError(t, err)
	proxy, err := NewModuleProxy(Path(), time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC), "0123456789ab", nextURL)
	require.NoError(t, err)
	const version = "v0.0.0-20260102030405-0123456789ab"
	get := func(path string) *httptest.ResponseRecorder {
		handedOn = nil
		answer := httptest.NewRecorder()
		proxy.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, path, nil))
		return answer
	}

	t.Run("serves this module", func(t *testing.T) {
		about := get("/" + ModulePath + "/@v/" + version + ".info")
		require.Equal(t, http.StatusOK, about.Code)
		assert.JSONEq(t, `{"Version":"`+version+`","Time":"2026-01-02T03:04:05Z"}`, about.Body.String())
		assert.Equal(t, about.Body.String(), get("/"+ModulePath+"/@latest").Body.String())
		assert.Contains(t, get("/"+ModulePath+"/@v/"+version+".mod").Body.String(), "module "+ModulePath+"\n")
		assert.Equal(t, http.StatusOK, get("/"+ModulePath+"/@v/list").Code)

		zipped := get("/" + ModulePath + "/@v/" + version + ".zip").Body
		archive, err := zip.NewReader(bytes.NewReader(zipped.Bytes()), int64(zipped.Len()))
		require.NoError(t, err)
		names := make([]string, 0, len(archive.File))
		for _, file := range archive.File {
			name, found := strings.CutPrefix(file.Name, ModulePath+"@"+version+"/")
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
		"/" + ModulePath + "/caddy/@v/" + version + ".info",
		"/" + ModulePath + "/@v/v9.9.9.info",
		"/sumdb/sum.example/lookup/" + ModulePath + "@" + version,
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
