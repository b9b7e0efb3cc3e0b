package core

import (
	"testing"
	"time"
)

func TestLifetime(t *testing.T) {
	const defaults = 45 * time.Second
	cases := []struct {
		name, body string
		want       time.Duration
	}{
		{"Engine.IO 4", `0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}`, defaults},
		{"other numbers", `0{"sid":"a","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200}`, 500 * time.Millisecond},
		{"Engine.IO 3", `45:0{"sid":"a","pingInterval":1,"pingTimeout":2}`, 3 * time.Millisecond},
		{"JSONP", `___eio[0]("0{\"sid\":\"a\",\"pingInterval\":1000,\"pingTimeout\":2000}");`, 3 * time.Second},
		{"another order, and spaces", `0{"pingTimeout" : 5e3, "sid":"a", "pingInterval" : 1000.5}`, 6000500 * time.Microsecond},
		{"no fields", `0{"sid":"a"}`, defaults},
		{"only one field", `0{"sid":"a","pingTimeout":5000}`, 30 * time.Second},
		{"strings", `0{"sid":"a","pingTimeout":"5000","pingInterval":"x"}`, defaults},
		{"zero and negative", `0{"sid":"a","pingTimeout":0,"pingInterval":-1}`, defaults},
		{"longer than the longest timer", `0{"sid":"a","pingTimeout":1e300,"pingInterval":99999999999}`, defaults},
		{"other types", `0{"sid":"a","pingTimeout":null,"pingInterval":{"sid":1}}`, defaults},
	}
	for _, tc := range cases {
		packet, ok := findOpenPacket([]byte(tc.body))
		if !ok || packet.SID != "a" || packet.Lifetime != tc.want {
			t.Errorf("%s: %v, sid %q, lifetime %s, want %s", tc.name, ok, packet.SID, packet.Lifetime, tc.want)
		}
	}
}

func TestLifetimeOfRecordedHandshakes(t *testing.T) {
	for _, h := range readRecorded(t) {
		packet, ok := findOpenPacket(readBody(t, h.File))
		if want := 45 * time.Second; !ok || packet.Lifetime != want {
			t.Errorf("%s: lifetime %s, want %s", h.File, packet.Lifetime, want)
		}
	}
}
