package caddy

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// maxFormerUpstreams is how many upstreams beyond those of the pool at hand are
// remembered. Dynamic upstreams come and go and come back.
const maxFormerUpstreams = 1024

// tagIndex is a policy's cache of tags: it finds an upstream by its tag, and the
// tag of an upstream. Upstreams are found by a tag of any secret. A lookup takes the same time however many upstreams there
// are, as long as they keep their positions in the pool. It is safe for
// concurrent use.
type tagIndex struct {
	// taggers has one for each secret. The first computes the tags of new sessions.
	taggers []core.Tagger

	// seen gets the tags of every upstream.
	seen *seenTags

	// entries is replaced as a whole, never changed in place.
	entries atomic.Pointer[tagEntries]
	mu      sync.Mutex // held while entries is replaced
}

// tagEntries is the content of a tagIndex.
type tagEntries struct {
	// positions has the upstream of each tag. Its index is a hint: a dynamic
	// pool may have another upstream there by now.
	positions map[string]position
	// tags has the tags of each dial address. The first is that of new sessions.
	tags map[string][]string
}

// position is where an upstream was in its pool. Its tag is the one that new
// sessions get.
type position struct {
	dial, tag string
	index     int
}

// newTagIndex returns an index without entries. New sessions get tags of the first
// secret.
func newTagIndex(secrets []string, seen *seenTags) *tagIndex {
	i := &tagIndex{seen: seen}
	for _, secret := range secrets {
		i.taggers = append(i.taggers, core.NewTagger(secret))
	}
	i.entries.Store(&tagEntries{})
	return i
}

// find returns the upstream of a pool that has a tag, and the tag that its new
// sessions get. It returns nil if there is none.
func (i *tagIndex) find(pool reverseproxy.UpstreamPool, tag string) (upstream *reverseproxy.Upstream, newTag string) {
	pos, known := i.entries.Load().positions[tag]
	if !known { // no upstream has this tag, or one that is new in the pool
		pos, known = i.update(pool).positions[tag]
	}
	if !known {
		return nil, ""
	}
	if pos.index < len(pool) && pool[pos.index].Dial == pos.dial {
		return pool[pos.index], pos.tag
	}
	for _, upstream := range pool {
		if upstream.Dial == pos.dial {
			return upstream, pos.tag
		}
	}
	return nil, ""
}

// has reports whether an upstream has a tag that is, or was, in the policy's pool.
func (i *tagIndex) has(pool reverseproxy.UpstreamPool, tag string) bool {
	if _, known := i.entries.Load().positions[tag]; known {
		return true
	}
	_, known := i.update(pool).positions[tag]
	return known
}

// hasSeen reports whether any upstream has or had a tag, whatever its pool.
func (i *tagIndex) hasSeen(pool reverseproxy.UpstreamPool, tag string) bool {
	return i.has(pool, tag) || i.seen.has(tag)
}

// tag returns the tag that new sessions of an upstream of a pool get.
func (i *tagIndex) tag(pool reverseproxy.UpstreamPool, upstream *reverseproxy.Upstream) string {
	if tags, known := i.entries.Load().tags[upstream.Dial]; known {
		return tags[0]
	}
	if tags, known := i.update(pool).tags[upstream.Dial]; known {
		return tags[0]
	}
	return ""
}

// update adds the upstreams of a pool that the index lacks.
func (i *tagIndex) update(pool reverseproxy.UpstreamPool) *tagEntries {
	if entries := i.entries.Load(); entries.hasAll(pool) {
		return entries
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	old := i.entries.Load()
	if old.hasAll(pool) {
		return old
	}

	entries := &tagEntries{positions: map[string]position{}, tags: map[string][]string{}}
	if len(old.tags) < len(pool)+maxFormerUpstreams {
		maps.Copy(entries.positions, old.positions)
		maps.Copy(entries.tags, old.tags)
	}
	// Backwards, so that of two upstreams with one address the first is found.
	for index, upstream := range slices.Backward(pool) {
		dial := upstream.Dial
		tags, known := old.tags[dial]
		if !known {
			tags = i.tagsOf(dial)
		}
		entries.tags[dial] = tags
		for _, tag := range tags {
			i.seen.add(tag)
			entries.positions[tag] = position{dial: dial, tag: tags[0], index: index}
		}
	}
	i.entries.Store(entries)
	return entries
}

// tagsOf returns the tags of a dial address, one of each secret.
func (i *tagIndex) tagsOf(dial string) []string {
	tags := make([]string, 0, len(i.taggers))
	for _, tagger := range i.taggers {
		tags = append(tags, tagger.Tag(dial))
	}
	return tags
}

// hasAll reports whether the entries have every upstream of a pool.
func (e *tagEntries) hasAll(pool reverseproxy.UpstreamPool) bool {
	for _, upstream := range pool {
		if _, known := e.tags[upstream.Dial]; !known {
			return false
		}
	}
	return true
}
