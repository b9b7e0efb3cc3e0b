package e2e

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestCaddyHoldsSessionsWith(t *testing.T) {
	for _, s := range settings {
		t.Run(s.name, func(t *testing.T) {
			testSessionsHold(t, caddyShorthand, s, transports...)
		})
	}
}

func TestCaddyHoldsSessionsInTheLongForm(t *testing.T) {
	testSessionsHold(t, caddyLongForm, plain, transports...)
}

func TestCaddyHoldsSessionsOfTwoSites(t *testing.T) {
	testTwoSites(t, caddyShorthand)
}

// The same clients lose their sessions behind a policy that needs a cookie:
// so the crowd can see a failure, and what the other tests see is no accident.
func TestACookieAloneDoesNotHoldSessions(t *testing.T) {
	nodes := startNodes(t, []string{"a", "b", "c"})
	f := caddyCookie.serve(t, plain.siteOf(nodes))[0]

	o := plain.crowdOf(f, []string{"polling"}).run(t)
	o.assertAllFailed(t)
	assert.Positive(t, o.SetCookies, "cookies set and not kept")
}
