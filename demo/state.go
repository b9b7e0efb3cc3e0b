package main

import "context"

// clusterState is what the page learns of everything.
type clusterState struct {
	Proxies []proxyState `json:"proxies"`
	Redis   bool         `json:"redis"` // the nodes have the Redis adapter
	Nodes   []nodeState  `json:"nodes"`
}

type proxyState struct {
	Name    string     `json:"name"`
	Address string     `json:"address"`
	Open    openCounts `json:"open"` // through this proxy
}

type nodeState struct {
	Name     string     `json:"name"`
	Address  string     `json:"address"`
	Running  bool       `json:"running"`
	Draining bool       `json:"draining"`
	Open     openCounts `json:"open"` // to this node, through all proxies
}

// openCounts are what a session has one of: a poll that waits, or a WebSocket.
type openCounts struct {
	Polls      int64 `json:"polls"`
	WebSockets int64 `json:"websockets"`
}

func (o *openCounts) add(polls, webSockets int64) {
	o.Polls += polls
	o.WebSockets += webSockets
}

// state asks the proxies for what is open, and adds it up.
func (c *cluster) state(ctx context.Context) (clusterState, error) {
	state := clusterState{Redis: c.options.redis}
	byAddress := map[string]*nodeState{}
	for _, n := range c.nodes {
		byAddress[n.address()] = &nodeState{Name: n.name, Address: n.address(), Running: n.running()}
	}
	for _, p := range c.proxies {
		proxy := proxyState{Name: p.name, Address: p.address()}
		upstreams, err := p.admin.upstreams(ctx)
		if err != nil {
			return state, err
		}
		for _, upstream := range upstreams {
			proxy.Open.add(upstream.OpenPolls, upstream.OpenWebSockets)
			if node := byAddress[upstream.Address]; node != nil {
				node.Open.add(upstream.OpenPolls, upstream.OpenWebSockets)
				node.Draining = node.Draining || upstream.Draining
			}
		}
		state.Proxies = append(state.Proxies, proxy)
	}
	for _, n := range c.nodes {
		state.Nodes = append(state.Nodes, *byAddress[n.address()])
	}
	return state, nil
}

// drain has all proxies drain a node, or end that.
func (c *cluster) drain(ctx context.Context, n *node, on bool) error {
	for _, p := range c.proxies {
		if err := p.admin.drain(ctx, n.address(), on); err != nil {
			return err
		}
	}
	return nil
}
