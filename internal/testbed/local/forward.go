package local

import (
	"context"
	"io"
	"net"
	"sync"
)

// Forward copies in both directions between two TCP connections until both sides have
// closed or the context ends, and closes them.
func Forward(ctx context.Context, client, server net.Conn) {
	defer client.Close()
	defer server.Close()
	defer context.AfterFunc(ctx, func() {
		_ = client.Close()
		_ = server.Close()
	})()
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{client, server}, {server, client}} {
		both.Go(func() {
			_, _ = io.Copy(way[0], way[1])
			_ = way[0].(*net.TCPConn).CloseWrite()
		})
	}
	both.Wait()
}
