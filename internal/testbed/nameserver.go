package testbed

import (
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// The names that a NameServer knows: of all nodes, as addresses and as services,
// and of those that are ready. Each node has its own name below the first one.
const (
	NodesName      = "nodes.test."
	NodesService   = "_socketio._tcp." + NodesName
	ReadyNodesName = "ready-" + NodesName
)

// NameServer is a DNS server for the nodes of a test.
type NameServer struct {
	Addr string

	mu      sync.Mutex
	nodes   []*Node          // that its answers name, each time in another order
	ready   []*Node          // so too, of the name of those that are ready
	known   map[string]*Node // all that were ever among them, by their own names
	queries map[string]int   // how often each name was asked for
}

// StartNameServer runs a server that resolves the names to these nodes, until
// the test ends.
func StartNameServer(t *testing.T, nodes []*Node) *NameServer {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	s := &NameServer{Addr: conn.LocalAddr().String(), known: map[string]*Node{}, queries: map[string]int{}}
	s.SetNodes(nodes)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.serve(conn)
	}()
	t.Cleanup(func() {
		_ = conn.Close()
		<-ended
	})
	return s
}

// SetNodes has the server resolve the names to these nodes from now on.
func (s *NameServer) SetNodes(nodes []*Node) {
	s.SetReadyNodes(nodes, nodes)
}

// SetReadyNodes has the server resolve the names of all nodes to these from now
// on, and the name of those that are ready to some of them.
func (s *NameServer) SetReadyNodes(nodes, ready []*Node) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.nodes, s.ready = slices.Clone(nodes), slices.Clone(ready)
	for _, n := range nodes {
		s.known[n.Name+"."+NodesName] = n
	}
}

// serve answers until the connection is closed. It ignores what it cannot
// parse.
func (s *NameServer) serve(conn net.PacketConn) {
	buffer := make([]byte, 1500)
	for {
		length, from, err := conn.ReadFrom(buffer)
		if err != nil {
			return
		}
		var query dnsmessage.Message
		if query.Unpack(buffer[:length]) != nil || len(query.Questions) != 1 {
			continue
		}
		reply := dnsmessage.Message{
			Header:    dnsmessage.Header{ID: query.ID, Response: true, Authoritative: true, RecursionDesired: query.RecursionDesired},
			Questions: query.Questions,
			Answers:   s.answers(query.Questions[0]),
		}
		if packed, err := reply.Pack(); err == nil {
			_, _ = conn.WriteTo(packed, from)
		}
	}
}

// answers returns the records that answer a question.
func (s *NameServer) answers(question dnsmessage.Question) []dnsmessage.Resource {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := strings.ToLower(question.Name.String())
	header := dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET}
	var answers []dnsmessage.Resource
	for _, n := range s.resolve(name) {
		at := netip.MustParseAddrPort(n.Addr)
		switch question.Type {
		case dnsmessage.TypeA:
			answers = append(answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.AResource{A: at.Addr().As4()}})
		case dnsmessage.TypeSRV:
			target := dnsmessage.MustNewName(n.Name + "." + NodesName)
			answers = append(answers, dnsmessage.Resource{Header: header, Body: &dnsmessage.SRVResource{Target: target, Port: at.Port()}})
		default: // of IPv6, say
		}
	}
	return answers
}

// resolve returns the nodes of a name, starting with another one each time.
func (s *NameServer) resolve(name string) []*Node {
	if n := s.known[name]; n != nil {
		return []*Node{n}
	}
	var nodes []*Node
	switch name {
	case NodesName, NodesService:
		nodes = s.nodes
	case ReadyNodesName:
		nodes = s.ready
	}
	if len(nodes) == 0 {
		return nil
	}
	s.queries[name]++
	first := s.queries[name] % len(nodes)
	return slices.Concat(nodes[first:], nodes[:first])
}
