package peers

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

type caddy struct{}

const caddyfile = "Caddyfile"

func (caddy) configure(r *Running) ([]string, error) {
	program, err := built("caddy")
	if err != nil {
		return nil, err
	}
	config, err := r.render(caddyfile)
	return []string{program, "run", "--config", config, "--adapter", "caddyfile"}, err
}

func (caddy) ready(_ *Running, status int) bool { return status == http.StatusOK }

// reload is what caddy reload --force does.
func (caddy) reload(ctx context.Context, r *Running) error {
	config, err := os.Open(filepath.Join(r.dir, caddyfile))
	if err != nil {
		return err
	}
	defer config.Close()
	ctx, cancel := context.WithTimeout(ctx, Limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+r.admin+"/load", config)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "text/caddyfile")
	req.Header.Set("Cache-Control", "must-revalidate")
	resp, err := (&http.Client{Timeout: time.Minute}).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		reply, _ := io.ReadAll(resp.Body)
		return fmt.Errorf("%s: %s", resp.Status, reply)
	}
	return nil
}
