package testbed

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// ModulePath is the path of this module, as in go.mod.
const ModulePath = "github.com/eio-affinity/affinity"

// ModuleProxy is a Go module proxy that serves this module as a release of it
// would be, under one version, and hands every other module on to the next
// proxy. It knows the endpoints of https://go.dev/ref/mod#goproxy-protocol:
//
//	<module>/@v/list
//	<module>/@latest
//	<module>/@v/<version>.info
//	<module>/@v/<version>.mod
//	<module>/@v/<version>.zip
type ModuleProxy struct {
	Version string
	files   map[string][]byte // By endpoint, from the "@" on.
	next    http.Handler
}

// NewModuleProxy packs the module in the folder root under the version of a
// commit at a time, and returns a proxy that serves it. Other modules come from
// the proxy next.
func NewModuleProxy(root string, at time.Time, commit string, next *url.URL) (*ModuleProxy, error) {
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

	return &ModuleProxy{
		Version: version,
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
func (p *ModuleProxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	owner := path.Dir(ModulePath)
	module, endpoint, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/@")
	content, ok := p.files["@"+endpoint]
	switch {
	case module == ModulePath && ok:
		if _, err := w.Write(content); err != nil {
			panic(http.ErrAbortHandler)
		}
	case strings.Contains(module, owner), strings.HasPrefix(owner, module+"/"):
		http.NotFound(w, r)
	default:
		p.next.ServeHTTP(w, r)
	}
}

// moduleFiles lists the files of the module in the folder root: those that git
// tracks or "git add" would add, without nested modules and irregular files,
// which no module may hold.
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
		entry, err := archive.Create(ModulePath + "@" + version + "/" + name)
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
