package caddy

import (
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/caddyserver/caddy/v2/modules/caddyhttp/reverseproxy"

	"github.com/eio-affinity/affinity/core"
)

// spareUpstreams is how many upstreams that are not in the pool at hand are
// remembered. Dynamic upstreams come and go and come again.
const spareUpstreams = 1024

// tagIndex finds an upstream by its tag, and the tag of an upstream. Looking up
// costs the same however many upstreams there are, as long as they keep their
// places in the pool. It is safe for concurrent use.
type tagIndex struct {
	tagger core.Tagger

	// entries is replaced as a whole, never changed in place.
	entries atomic.Pointer[tagEntries]
	growing sync.Mutex
}

// tagEntries is what a tagIndex knows.
type tagEntries struct {
	// places says where the upstream of a tag was when it was last looked for.
	// It is a hint only: a dynamic pool may hold another there by now.
	places map[string]place
	// tags has the tag of each dial address.
	tags map[string]string
}

// place is where an upstream was in its pool.
type place struct {
	dial string
	at   int
}

// newTagIndex returns an index without entries.
func newTagIndex(secret string) *tagIndex {
	index := &tagIndex{tagger: core.NewTagger(secret)}
	index.entries.Store(&tagEntries{})
	return index
}

// find returns the upstream of a pool that has a tag, or nil.
func (i *tagIndex) find(pool reverseproxy.UpstreamPool, tag string) *reverseproxy.Upstream {
	where, known := i.entries.Load().places[tag]
	if !known {
		// Either nobody has this tag, or a new upstream has.
		where, known = i.learn(pool).places[tag]
	}
	if !known {
		return nil
	}
	if where.at < len(pool) && pool[where.at].Dial == where.dial {
		return pool[where.at]
	}
	for _, upstream := range pool {
		if upstream.Dial == where.dial {
			return upstream
		}
	}
	return nil
}

// has reports whether an upstream of a pool has a tag, or had it before.
func (i *tagIndex) has(pool reverseproxy.UpstreamPool, tag string) bool {
	if _, known := i.entries.Load().places[tag]; known {
		return true
	}
	_, known := i.learn(pool).places[tag]
	return known
}

// tag returns the tag of an upstream of a pool.
func (i *tagIndex) tag(pool reverseproxy.UpstreamPool, upstream *reverseproxy.Upstream) string {
	if tag, known := i.entries.Load().tags[upstream.Dial]; known {
		return tag
	}
	return i.learn(pool).tags[upstream.Dial]
}

// learn adds those upstreams of a pool that the index does not have.
func (i *tagIndex) learn(pool reverseproxy.UpstreamPool) *tagEntries {
	if entries := i.entries.Load(); entries.has(pool) {
		return entries
	}
	i.growing.Lock()
	defer i.growing.Unlock()
	old := i.entries.Load()
	if old.has(pool) {
		return old
	}

	entries := &tagEntries{places: map[string]place{}, tags: map[string]string{}}
	if len(old.tags) < len(pool)+spareUpstreams {
		maps.Copy(entries.places, old.places)
		maps.Copy(entries.tags, old.tags)
	}
	// Backwards, so that of two with one address the first one counts.
	for at, upstream := range slices.Backward(pool) {
		dial := upstream.Dial
		tag, known := old.tags[dial]
		if !known {
			tag = i.tagger.Tag(dial)
		}
		entries.tags[dial] = tag
		entries.places[tag] = place{dial: dial, at: at}
	}
	i.entries.Store(entries)
	return entries
}

// has reports whether e knows every upstream of a pool.
func (e *tagEntries) has(pool reverseproxy.UpstreamPool) bool {
	for _, upstream := range pool {
		if _, known := e.tags[upstream.Dial]; !known {
			return false
		}
	}
	return true
}
