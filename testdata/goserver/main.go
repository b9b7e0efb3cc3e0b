// Command goserver is one Socket.IO node that is not the stock one: a server
// written in Go, github.com/zishang520/socket.io. To a client it does what
// testdata/socketio/node.js does, which is described there.
//
//	goserver -name a -port 3001
//
// When it is up it prints one line to stdout, {"name":"a","port":3001}, and
// nothing else. It exits when its standard input closes.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

// options are the command line's.
type options struct {
	name      string
	port      int
	allowEIO3 bool
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", "", "what the node calls itself")
	flag.IntVar(&o.port, "port", 0, "the `port` on loopback; 0: any free one")
	flag.BoolVar(&o.allowEIO3, "allow-eio3", false, "serve Engine.IO 3 clients too")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "goserver:", err)
		os.Exit(1)
	}
}

// run serves until standard input closes.
func run(o options) error {
	if o.name == "" {
		return errors.New("-name is required")
	}
	listener, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(o.port)))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: newNode(o).handler(), ReadHeaderTimeout: time.Minute}
	ended := make(chan error, 2)
	go func() { ended <- server.Serve(listener) }()
	go func() {
		_, err := io.Copy(io.Discard, os.Stdin)
		ended <- err
	}()

	port := listener.Addr().(*net.TCPAddr).Port
	if err := json.NewEncoder(os.Stdout).Encode(map[string]any{"name": o.name, "port": port}); err != nil {
		return err
	}
	return <-ended
}
