package main

import (
	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// orderly makes polling transports that end a poll for an upgrade through the
// session's own queue.
//
// The server, in 3.0.5, ends a poll so that its client can upgrade, by a NOOP
// packet every 100 ms, and does not take the lock under which it answers polls.
// When it answers one at that moment, two replies are written to one poll: the
// second finds none, and the server closes the session ("polling write error").
type orderly struct {
	transports.PollingBuilder

	sessions func() *types.Map[string, engine.Socket]
}

// New implements [transports.TransportCtor].
func (o *orderly) New(ctx *types.HttpContext) transports.Transport {
	if ctx.Query().Has("j") {
		return transports.NewJSONP(ctx)
	}
	p := &orderlyPolling{Polling: transports.MakePolling(), sessions: o.sessions}
	p.Prototype(p)
	p.Construct(ctx)
	return p
}

type orderlyPolling struct {
	transports.Polling

	sessions func() *types.Map[string, engine.Socket]
}

// Send implements [transports.Transport]. The NOOP of an upgrade has no options;
// all that comes through the session's queue has some.
func (p *orderlyPolling) Send(packets []*packet.Packet) {
	if len(packets) == 1 && packets[0].Type == packet.NOOP && packets[0].Options == nil {
		if session, ok := p.sessions().Load(p.Sid()); ok {
			session.Send(nil, nil, nil)
		}
		return
	}
	p.Polling.Send(packets)
}

// queueNOOP makes a NOOP of the message without data that Send queues.
func queueNOOP(args ...any) {
	_ = args[0].(engine.Socket).On("packetCreate", func(args ...any) {
		if p := args[0].(*packet.Packet); p.Type == packet.MESSAGE && p.Data == nil {
			p.Type = packet.NOOP
		}
	})
}
