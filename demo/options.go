package main

import (
	"flag"
	"fmt"
	"path/filepath"
	"strconv"
)

const (
	maxNodes   = 6 // how many colours the page has
	maxProxies = 4
)

// values are the command line's. Each flag of more than the page is a variable of
// make, which errors name.
type values struct {
	caddy                 string
	port                  int
	nodes, proxies, redis string
}

// options are what the values mean.
type options struct {
	caddy   string
	port    int
	nodes   int
	proxies int
	redis   bool
}

// define defines the flags, whose values are there once they are parsed.
func define(flags *flag.FlagSet) *values {
	v := new(values)
	flags.StringVar(&v.caddy, "caddy", filepath.Join("bin", "caddy"), "the Caddy `program`, built with this module")
	flags.IntVar(&v.port, "port", 8080, "the `port` of the page; a free one is taken when it is busy")
	flags.StringVar(&v.nodes, "nodes", "3", fmt.Sprintf("how `many` Socket.IO nodes to start, 1 to %d", maxNodes))
	flags.StringVar(&v.proxies, "proxies", "1", fmt.Sprintf("how `many` Caddys to start, 1 to %d", maxProxies))
	flags.StringVar(&v.redis, "redis", "0", "`1` starts a Redis, and the nodes use the Redis adapter; 0 does not")
	return v
}

func (v *values) options() (options, error) {
	o := options{caddy: v.caddy, port: v.port}
	var err error
	if o.nodes, err = number("NODES", v.nodes, 1, maxNodes); err != nil {
		return o, err
	}
	if o.proxies, err = number("PROXIES", v.proxies, 1, maxProxies); err != nil {
		return o, err
	}
	redis, err := number("REDIS", v.redis, 0, 1)
	o.redis = redis == 1
	return o, err
}

// summary says what runs.
func (o options) summary() string {
	text := fmt.Sprintf("%d Socket.IO nodes are running behind ", o.nodes)
	if o.nodes == 1 {
		text = "1 Socket.IO node is running behind "
	}
	if o.proxies == 1 {
		text += "one Caddy"
	} else {
		text += fmt.Sprintf("%d Caddys, which get every request in turn", o.proxies)
	}
	if o.redis {
		text += "; Redis is their adapter"
	}
	return text
}

// number reads a variable of make.
func number(variable, value string, least, most int) (int, error) {
	n, err := strconv.Atoi(value)
	switch {
	case err == nil && n >= least && n <= most:
		return n, nil
	case most-least == 1:
		return 0, fmt.Errorf("%s is %d or %d, not %q", variable, least, most, value)
	default:
		return 0, fmt.Errorf("%s is a whole number from %d to %d, not %q", variable, least, most, value)
	}
}
