package core

import (
	"strings"
	"testing"
)

func TestTagDependsOnlyOnSecretAndAddress(t *testing.T) {
	// echo -n 10.0.0.1:3000 | openssl dgst -sha256 [-hmac key] -binary |
	// head -c 8 | basenc --base64url
	if got, want := NewTagger("").Tag("10.0.0.1:3000"), "LOui6yj7YOE"; got != want {
		t.Errorf("plain tag = %q, want %q", got, want)
	}
	if got, want := NewTagger("key").Tag("10.0.0.1:3000"), "U58B3uVO01o"; got != want {
		t.Errorf("keyed tag = %q, want %q", got, want)
	}
	if NewTagger("key").Tag("10.0.0.2:3000") == NewTagger("key").Tag("10.0.0.1:3000") {
		t.Error("two addresses have one tag")
	}
	if tag := NewTagger("key").Tag(""); !UpstreamTags.Valid(tag) || len(tag) != 11 {
		t.Errorf("tag %q is invalid", tag)
	}
}

// oneLetterTags is a form of tags whose levels are single bytes, which makes the
// tests easy to read.
func oneLetterTags(levels int) TagForm {
	return TagForm{Levels: levels, Length: 1, Alphabet: tagAlphabet}
}

func TestUpstreamTags(t *testing.T) {
	for _, tag := range []string{"LOui6yj7YOE", "AAAAAAAAAAA", "-_-_-_-_-_8", NewTagger("key").Tag("x")} {
		if !UpstreamTags.Valid(tag) {
			t.Errorf("%q is invalid", tag)
		}
	}
	for _, tag := range []string{
		"", "LOui6yj7YO", "LOui6yj7YOEE", // another length
		"LOui6yj7YOF", "AAAAAAAAAA_", // bits that are not of the digest
		"LOui6 j7YOE", "LOui6\r\n7YOE", "LOui6;j7YOE", "LOui6=j7YOE", "LOui6.j7YOE", "LOui6%417OE", "LOui6äj7YO",
	} {
		if UpstreamTags.Valid(tag) {
			t.Errorf("%q is valid", tag)
		}
	}
}

func TestUpstreamTagsMatchesTaggers(t *testing.T) {
	for _, address := range strings.Split("a b c d e f g h i j k l m n o p q r s t u v w x y z", " ") {
		if tag := NewTagger("").Tag(address); !UpstreamTags.Valid(tag) {
			t.Errorf("%q is invalid", tag)
		}
	}
}

func TestTagFormWithLevels(t *testing.T) {
	for _, tag := range []string{"a.b", "a.", ".b"} {
		if !oneLetterTags(2).Valid(tag) {
			t.Errorf("%q is invalid", tag)
		}
	}
	for _, tag := range []string{"", "a", ".", "..", "a.b.c", "a..b", "a. ", "aa.b", strings.Repeat(".", 1<<20)} {
		if oneLetterTags(2).Valid(tag) {
			t.Errorf("%q is a valid tag of two levels", tag)
		}
	}
}

func TestSplitWithLevels(t *testing.T) {
	cases := []struct {
		name, sid string
		levels    int
		tag, rest string
	}{
		{"one level", "a.b.c", 1, "a", "b.c"},
		{"two levels", "a.b.c", 2, "a.b", "c"},
		{"two levels before a sid with a separator", "a.b.c.d", 2, "a.b", "c.d"},
		{"too few levels", "a.b", 2, "", "a.b"},
		{"an empty inner level", "a..c", 2, "a.", "c"},
		{"an empty outer level", ".b.c", 2, ".b", "c"},
		{"only empty levels", "..c", 2, "", "..c"},
		{"no sid after the tag", "a.b.", 2, "", "a.b."},
		{"no separator", "abc", 2, "", "abc"},
		{"a level of another form", "a.bb.c", 2, "", "a.bb.c"},
	}
	for _, tc := range cases {
		tag, rest, bound := Split(tc.sid, oneLetterTags(tc.levels))
		if tag != tc.tag || rest != tc.rest || bound != (tc.tag != "") {
			t.Errorf("%s: %q, %q, %v, want %q, %q", tc.name, tag, rest, bound, tc.tag, tc.rest)
		}
	}
}

func TestJoinLevels(t *testing.T) {
	for want, levels := range map[string][]string{"a": {"a"}, "a.b": {"a", "b"}, "a.": {"a", ""}, ".b": {"", "b"}} {
		if got := JoinLevels(levels); got != want {
			t.Errorf("JoinLevels(%q) = %q, want %q", levels, got, want)
		}
	}
	for _, levels := range [][]string{{""}, {"", ""}} {
		if got := JoinLevels(levels); got != "" {
			t.Errorf("JoinLevels(%q) = %q", levels, got)
		}
	}
}

func TestPrintableRaw(t *testing.T) {
	cases := []struct{ name, sid, want string }{
		{"Engine.IO's own", "Lbo5JLzTotvW3g2LAAAA", "Lbo5JLzTotvW3g2LAAAA"},
		{"a UUID", "0b6a1b1e-6f5c-4c0e-8f6c-0d1d0a3b9c11", "0b6a1b1e-6f5c-4c0e-8f6c-0d1d0a3b9c11"},
		{"base64, encoded", "a%2Bb%2Fc%3D%3D", "a+b/c=="},
		{"a line break", "a%0d%0aX-Evil:%201", ""},
		{"a bare quote", `a"b`, ""},
		{"a broken escape", "a%zz", ""},
		{"raw bytes", "a\xff", ""},
		{"too long", strings.Repeat("x", maxSID+1), ""},
		{"much too long", strings.Repeat("x", 1<<20), ""},
	}
	for _, tc := range cases {
		if got := PrintableRaw(tc.sid); got != tc.want {
			t.Errorf("%s: %q, want %q", tc.name, got, tc.want)
		}
	}
}
