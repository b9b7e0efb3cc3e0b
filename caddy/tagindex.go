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

	// shared gets the tags of every upstream, and has its counts.
	shared *sharedState

	// entries is replaced as a whole, never changed in place.
	entries atomic.Pointer[tagEntries]
	mu      sync.Mutex // held while entries is replaced
}

// tagEntries is the content of a tagIndex.
type tagEntries struct {
	// positions has the upstream of each tag. Its index is a hint: a dynamic
	// pool may have another upstream there by now.
	positions map[string]position
	// byDial has the same upstreams by dial address.
	byDial map[string]*taggedUpstream
	// generation is that of the counts.
	generation uint64
}

// position is where an upstream was in its pool.
type position struct {
	*taggedUpstream
	index int
}

// taggedUpstream is what the index knows about an upstream.
type taggedUpstream struct {
	dial string
	// tags has one for each secret. The first is that of new sessions.
	tags  []string
	stats *upstreamStats
}

// newTagIndex returns an index without entries. New sessions get tags of the first
// secret.
func newTagIndex(secrets []string, shared *sharedState) *tagIndex {
	i := &tagIndex{shared: shared}
	for _, secret := range secrets {
		i.taggers = append(i.taggers, core.NewTagger(secret))
	}
	i.entries.Store(&tagEntries{})
	return i
}

// find returns the upstream of a pool that has a tag, or nil, and what is known
// about the upstream, which may have left the pool, or nil.
func (i *tagIndex) find(pool reverseproxy.UpstreamPool, tag string) (*reverseproxy.Upstream, *taggedUpstream) {
	pos, known := i.load().positions[tag]
	if !known { // no upstream has this tag, or one that is new in the pool
		pos, known = i.update(pool).positions[tag]
	}
	if !known {
		return nil, nil
	}
	if pos.index < len(pool) && pool[pos.index].Dial == pos.dial {
		return pool[pos.index], pos.taggedUpstream
	}
	for _, upstream := range pool {
		if upstream.Dial == pos.dial {
			return upstream, pos.taggedUpstream
		}
	}
	return nil, pos.taggedUpstream
}

// load returns the entries, without any if their counts were dropped.
func (i *tagIndex) load() *tagEntries {
	entries := i.entries.Load()
	if entries.generation != i.shared.upstreams.generation.Load() {
		return new(tagEntries)
	}
	return entries
}

// has reports whether an upstream has a tag that is, or was, in the policy's pool.
func (i *tagIndex) has(pool reverseproxy.UpstreamPool, tag string) bool {
	if _, known := i.load().positions[tag]; known {
		return true
	}
	_, known := i.update(pool).positions[tag]
	return known
}

// hasSeen reports whether any upstream has or had a tag, whatever its pool.
func (i *tagIndex) hasSeen(pool reverseproxy.UpstreamPool, tag string) bool {
	return i.has(pool, tag) || i.shared.tags.has(tag)
}

// of returns what is known about an upstream of a pool. One that is not in the
// pool has an empty tag, so its sessions are not tagged.
func (i *tagIndex) of(pool reverseproxy.UpstreamPool, upstream *reverseproxy.Upstream) *taggedUpstream {
	if tagged := i.load().byDial[upstream.Dial]; tagged != nil {
		return tagged
	}
	if tagged := i.update(pool).byDial[upstream.Dial]; tagged != nil {
		return tagged
	}
	return &taggedUpstream{dial: upstream.Dial, tags: []string{""}, stats: i.shared.upstreams.of(upstream.Dial)}
}

// update adds the upstreams of a pool that the index lacks.
func (i *tagIndex) update(pool reverseproxy.UpstreamPool) *tagEntries {
	if entries := i.load(); entries.hasAll(pool) {
		return entries
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	old := i.load()
	if old.hasAll(pool) {
		return old
	}

	entries := &tagEntries{
		positions:  map[string]position{},
		byDial:     map[string]*taggedUpstream{},
		generation: i.shared.limitUpstreams(),
	}
	if old.generation == entries.generation && len(old.byDial) < len(pool)+maxFormerUpstreams {
		maps.Copy(entries.positions, old.positions)
		maps.Copy(entries.byDial, old.byDial)
	}
	// Backwards, so that of two upstreams with one address the first is found.
	for index, upstream := range slices.Backward(pool) {
		tagged := entries.byDial[upstream.Dial]
		if tagged == nil {
			tagged = i.newTagged(upstream.Dial)
			entries.byDial[upstream.Dial] = tagged
		}
		for _, tag := range tagged.tags {
			i.shared.tags.add(tag)
			entries.positions[tag] = position{taggedUpstream: tagged, index: index}
		}
	}
	i.entries.Store(entries)
	return entries
}

// newTagged returns what is known about the upstream at a dial address.
func (i *tagIndex) newTagged(dial string) *taggedUpstream {
	return &taggedUpstream{dial: dial, tags: i.tagsOf(dial), stats: i.shared.upstreams.of(dial)}
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
		if e.byDial[upstream.Dial] == nil {
			return false
		}
	}
	return true
}
