package command

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/eio-affinity/affinity/core"
)

// maxTraefikLevels is the maximum number of nested load balancers that a tag of
// Traefik is read for.
const maxTraefikLevels = 4

// traefikLevel is the length of the value of a sticky cookie of Traefik 3: the first
// 16 hexadecimal digits of the SHA-256 of a name, which is the URL of a server or
// the name of a child service. See sticky.go in Traefik's pkg/server/service/loadbalancer.
const traefikLevel = 16

// traefikTags returns the form of Traefik's tags with this number of levels.
func traefikTags(levels int) core.TagForm {
	return core.TagForm{Levels: levels, Length: traefikLevel, Alphabet: "0123456789abcdef"}
}

// traefikHash returns the value of the sticky cookie for a name.
func traefikHash(name string) string {
	sum := sha256.Sum256([]byte(name))
	return hex.EncodeToString(sum[:])[:traefikLevel]
}

// traefikExplanation is what a session ID of Traefik says.
type traefikExplanation struct {
	// SID is the server's own session ID, if it is safe to print.
	SID string `json:"sid"`
	// Levels has the levels of the tag, the outermost first.
	Levels []traefikLevelExplanation `json:"levels"`
}

// traefikLevelExplanation is one level of a tag.
type traefikLevelExplanation struct {
	// Tag is the value of the sticky cookie. It is empty if the session passes no
	// load balancer at this level.
	Tag string `json:"tag"`
	// Name is the server or child service with this tag, if it is among the given ones.
	Name string `json:"name,omitempty"`
}

// explainTraefik is "caddy affinity explain --traefik".
func explainTraefik(cmd *cobra.Command, session string, names []string) error {
	if len(names) == 0 {
		return errNoServers
	}
	requests := core.ParseSessionText(escapeBytes(session))
	if len(requests) == 0 {
		return errNoSession
	}
	explanation := readTraefik(requests[0].SID, names)
	return printExplained(cmd, explanation, traefikText(explanation, requests[0].IsHandshake(), len(names)))
}

// readTraefik reads a session ID, with as many levels as it has.
func readTraefik(sid string, names []string) traefikExplanation {
	byTag := map[string]string{}
	for _, name := range names {
		byTag[traefikHash(name)] = name
	}
	for levels := maxTraefikLevels; levels > 0; levels-- {
		tag, rest, tagged := core.Split(sid, traefikTags(levels))
		if !tagged {
			continue
		}
		explanation := traefikExplanation{SID: core.PrintableRaw(rest)}
		for _, level := range core.Levels(tag) {
			explanation.Levels = append(explanation.Levels, traefikLevelExplanation{Tag: level, Name: byTag[level]})
		}
		return explanation
	}
	return traefikExplanation{SID: core.PrintableRaw(sid), Levels: []traefikLevelExplanation{}}
}

// traefikText returns an explanation in words.
func traefikText(explanation traefikExplanation, opens bool, given int) string {
	var text strings.Builder
	if opens {
		return "The request has no session ID: it opens a session.\n"
	}
	if explanation.SID == "" {
		explanation.SID = "one with characters that are not safe to print"
	}
	line(&text, "session", explanation.SID+" (as the server knows it)")
	if len(explanation.Levels) == 0 {
		line(&text, "tag", "none. The handshake did not pass the plugin, the service has no sticky cookie that cookieNames")
		line(&text, "", "names, the reply was compressed, or the session is learned (Socket.IO 2).")
	}
	for _, level := range explanation.Levels {
		switch {
		case level.Tag == "":
			line(&text, "tag", "none at this level")
		case level.Name != "":
			line(&text, "tag", level.Tag+", of "+printable(level.Name))
		default:
			line(&text, "tag", fmt.Sprintf("%s, of none of the %d given. Check that each is exactly as in Traefik's config", level.Tag, given))
			line(&text, "", "(http://10.0.0.1:3000/ is another one than http://10.0.0.1:3000), or its server was removed.")
		}
	}
	return text.String()
}
