package core

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	handshakes = "../testdata/handshakes"
	testTag    = "AbCdEfGhIj0"
)

// recorded is an entry of the index of recorded handshakes.
type recorded struct {
	File     string `json:"file"`
	Encoding string `json:"encoding"`
	SID      string `json:"sid"`
	Server   string `json:"server"`
	Query    string `json:"query"`
}

func readRecorded(tb testing.TB) []recorded {
	tb.Helper()
	index, err := os.ReadFile(filepath.Join(handshakes, "index.json"))
	if err != nil {
		tb.Fatal(err)
	}
	var all []recorded
	if err := json.Unmarshal(index, &all); err != nil {
		tb.Fatal(err)
	}
	if len(all) == 0 {
		tb.Fatal("no handshakes are recorded")
	}
	return all
}

func readBody(tb testing.TB, name string) []byte {
	tb.Helper()
	body, err := os.ReadFile(filepath.Join(handshakes, name))
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

func TestBindRecordedHandshakes(t *testing.T) {
	for _, h := range readRecorded(t) {
		h := h
		t.Run(h.File+" from "+h.Server+" for "+h.Query, func(t *testing.T) {
			body := readBody(t, h.File)
			before := string(body)
			bound, sid, ok := BindOpenPacket(body, testTag)
			if !ok || sid != h.SID {
				t.Fatalf("BindOpenPacket: sid %q, %v, want %q", sid, ok, h.SID)
			}
			if string(body) != before {
				t.Error("the slice of the caller was changed")
			}
			want := strings.Replace(before, h.SID, testTag+"."+h.SID, 1)
			want = lengthen(t, h.Encoding, want)
			if string(bound) != want {
				t.Errorf("got  %q\nwant %q", bound, want)
			}
		})
	}
}

// lengthen adds the length of a tag and its separator to the length of the first
// packet, with plain string replacement.
func lengthen(t *testing.T, encoding, body string) string {
	t.Helper()
	replace := func(from, to string) string {
		if !strings.Contains(body, from) {
			t.Fatalf("no %q in %q", from, body)
		}
		return strings.Replace(body, from, to, 1)
	}
	switch encoding {
	case "v3-string", "jsonp-v3":
		for _, pair := range [][2]string{{"97:0{", "109:0{"}, {"118:0{", "130:0{"}, {"93:0{", "105:0{"}, {"122:0{", "134:0{"}} {
			if strings.Contains(body, pair[0]) {
				return replace(pair[0], pair[1])
			}
		}
		t.Fatalf("no known length in %q", body)
	case "v3-binary":
		if strings.HasPrefix(body, "\x00\x09\x07\xff") {
			return replace("\x00\x09\x07\xff", "\x00\x01\x00\x09\xff")
		}
		return replace("\x00\x01\x01\x08\xff", "\x00\x01\x03\x00\xff")
	}
	return body
}

func TestBindUnusualHandshakes(t *testing.T) {
	const prefix = testTag + "."
	cases := []struct{ name, body, want, sid string }{
		{"the smallest", `0{"sid":"a"}`, `0{"sid":"` + prefix + `a"}`, "a"},
		{"spaces", "0 {\n \"sid\" : \"a\" , \"upgrades\" : [ ] } \n", "0 {\n \"sid\" : \"" + prefix + "a\" , \"upgrades\" : [ ] } \n", "a"},
		{"another key order", `0{"pingTimeout":1,"upgrades":["websocket"],"sid":"a"}`, `0{"pingTimeout":1,"upgrades":["websocket"],"sid":"` + prefix + `a"}`, "a"},
		{"a nested sid first", `0{"x":{"sid":"no"},"y":[{"sid":"no"}],"sid":"a"}`, `0{"x":{"sid":"no"},"y":[{"sid":"no"}],"sid":"` + prefix + `a"}`, "a"},
		{"a value that contains a sid", `0{"x":"\"sid\":\"no\"","sid":"a"}`, `0{"x":"\"sid\":\"no\"","sid":"` + prefix + `a"}`, "a"},
		{"an escaped key", `0{"\u0073id":"a"}`, `0{"\u0073id":"` + prefix + `a"}`, "a"},
		{"an escaped sid", `0{"sid":"\u0061\/\"b"}`, `0{"sid":"` + prefix + `\u0061\/\"b"}`, `a/"b`},
		{"two open packets", "0{\"sid\":\"a\"}\x1e0{\"sid\":\"b\"}", "0{\"sid\":\"" + prefix + "a\"}\x1e0{\"sid\":\"b\"}", "a"},
		{"invalid UTF-8 beside the sid", "0{\"x\":\"\xff\",\"sid\":\"a\"}", "0{\"x\":\"\xff\",\"sid\":\"" + prefix + "a\"}", "a"},
		{"invalid UTF-8 in another packet", "0{\"sid\":\"a\"}\x1e4\xff\xfe", "0{\"sid\":\"" + prefix + "a\"}\x1e4\xff\xfe", "a"},
		{"a length in UTF-16 code units", `21:0{"sid":"a","x":"😀"}2:40`, `33:0{"sid":"` + prefix + `a","x":"😀"}2:40`, "a"},
		{"a length that gains a digit", `98:0{"sid":"a","x":"` + strings.Repeat("x", 79) + `"}`, `110:0{"sid":"` + prefix + `a","x":"` + strings.Repeat("x", 79) + `"}`, "a"},
		{"JSONP without an index", `___eio[]("0{\"sid\":\"a\"}");`, `___eio[]("0{\"sid\":\"` + prefix + `a\"}");`, "a"},
		{"JSONP full of escapes", `___eio[0]("\u0030{\"\ud83d\ude00\":\"\ud83d\",\"sid\":\"a\"}")`, `___eio[0]("\u0030{\"\ud83d\ude00\":\"\ud83d\",\"sid\":\"` + prefix + `a\"}")`, "a"},
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			bound, sid, ok := BindOpenPacket([]byte(tc.body), testTag)
			if !ok || sid != tc.sid || string(bound) != tc.want {
				t.Errorf("got  %q, sid %q, %v\nwant %q, sid %q", bound, sid, ok, tc.want, tc.sid)
			}
		})
	}
}

func TestBindOpenPacketKeepsOtherBodies(t *testing.T) {
	whole := `0{"sid":"a"}`
	cases := []struct{ name, body string }{
		{"an empty body", ""},
		{"another packet", `2probe`},
		{"an error", `{"code":0,"message":"Transport unknown"}`},
		{"a page", "<!doctype html>"},
		{"no sid", `0{"upgrades":[]}`},
		{"an empty sid", `0{"sid":""}`},
		{"an over-long sid", `0{"sid":"` + strings.Repeat("x", maxSID+1) + `"}`},
		{"a sid that is not a string", `0{"sid":1}`},
		{"a sid twice", `0{"sid":"a","sid":"b"}`},
		{"a list", `0["sid","a"]`},
		{"a type alone", `0`},
		{"broken JSON", `0{"sid":"a",}`},
		{"a byte after the packet", whole + "x"},
		{"a length that is too small", `11:` + whole},
		{"a length that is too large", `13:` + whole},
		{"a length that includes part of the next packet", `14:` + whole + `2:40`},
		{"a length in the middle of a character", `18:0{"sid":"a","x":"😀"}`},
		{"a length of zero", `0:` + whole},
		{"a length with a leading zero", `012:` + whole},
		{"a length without end", "9999999999:" + whole},
		{"digits only", "123"},
		{"a binary length without digits", "\x00\xff" + whole},
		{"a binary length with an invalid digit", "\x00\x0a\xff" + whole},
		{"a binary packet of bytes", "\x01\x01\x02\xff" + whole},
		{"binary framing cut off", "\x00\x01\x02"},
		{"JSONP without a call", `___eio[0]`},
		{"JSONP without a string", `___eio[0](1);`},
		{"JSONP without an end", `___eio[0]("0{\"sid\":\"a\"}"`},
		{"JSONP of binary framing", `___eio[0]("\u0000\u0001\u0002ÿ0{\"sid\":\"a\"}");`},
		{"JSONP with an escaped length", `___eio[7]("\u00312:0{\"sid\":\"a\"}2:40");`},
		{"JSONP with invalid UTF-8", "___eio[0](\"0{\\\"x\\\":\\\"\xff\\\",\\\"sid\\\":\\\"a\\\"}\");"},
		{"a script", `___eio = 1`},
	}
	for _, h := range readRecorded(t) {
		body := readBody(t, h.File)
		end := bytes.IndexByte(body, '}')
		cases = append(cases, struct{ name, body string }{h.File + " truncated", string(body[:end])})
	}
	for _, tc := range cases {
		tc := tc
		t.Run(tc.name, func(t *testing.T) {
			bound, sid, ok := BindOpenPacket([]byte(tc.body), testTag)
			if ok || sid != "" || string(bound) != tc.body {
				t.Errorf("got %q, sid %q, %v", bound, sid, ok)
			}
		})
	}
}

func TestBindOpenPacketHasNoLimit(t *testing.T) {
	body := `0{"sid":"a","x":"` + strings.Repeat("x", maxBuffered) + `"}`
	if _, _, ok := BindOpenPacket([]byte(body), testTag); !ok {
		t.Error("BindOpenPacket has a limit, which only the rewriter should have")
	}
}

func BenchmarkBindOpenPacket(b *testing.B) {
	for _, file := range []string{"v4-polling.txt", "v2-polling-string.txt", "v4-jsonp.txt"} {
		file := file
		b.Run(file, func(b *testing.B) {
			body := readBody(b, file)
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				BindOpenPacket(body, testTag)
			}
		})
	}
}

func BenchmarkParseRequest(b *testing.B) {
	const query = "EIO=4&transport=polling&t=sax6fk6i&sid=" + testTag + ".rYvVOSuxstMYwaX_AAAA"
	b.ReportAllocs()
	for i := 0; i < b.N; i++ {
		req, _ := ParseRequest(query)
		if req.Tag(UpstreamTags) == "" {
			b.Fatal("no tag")
		}
	}
}
