package caddy

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/caddyserver/caddy/v2"

	"github.com/eio-affinity/affinity/caddy/adminapi"
)

// callAdmin sends a request to a route of the admin API, without Caddy's own
// checks. It returns the error's status instead of 200 if there is one.
func callAdmin(t *testing.T, method, path, body string, reply any) (status int, message string) {
	t.Helper()
	for _, route := range (adminAPI{}).Routes() {
		if route.Pattern != path {
			continue
		}
		w := httptest.NewRecorder()
		err := route.Handler.ServeHTTP(w, httptest.NewRequest(method, path, strings.NewReader(body)))
		var failed caddy.APIError
		if err != nil {
			require.ErrorAs(t, err, &failed)
			return failed.HTTPStatus, failed.Err.Error()
		}
		if reply != nil {
			require.NoError(t, json.Unmarshal(w.Body.Bytes(), reply))
		}
		return w.Code, ""
	}
	require.FailNow(t, "no such route", path)
	return 0, ""
}

// upstreamsOf returns the state of all upstreams by address.
func upstreamsOf(t *testing.T) map[string]adminapi.Upstream {
	t.Helper()
	var list []adminapi.Upstream
	status, message := callAdmin(t, http.MethodGet, adminapi.UpstreamsPath, "", &list)
	require.Equal(t, http.StatusOK, status, message)
	byAddress := map[string]adminapi.Upstream{}
	for _, upstream := range list {
		byAddress[upstream.Address] = upstream
	}
	return byAddress
}

// drain drains an upstream by the admin API, and undrain ends that.
func drain(t *testing.T, address string) {
	t.Helper()
	postDrain(t, adminapi.DrainPath, address)
}

func undrain(t *testing.T, address string) {
	t.Helper()
	postDrain(t, adminapi.UndrainPath, address)
}

func postDrain(t *testing.T, path, address string) {
	t.Helper()
	var upstream adminapi.Upstream
	status, message := callAdmin(t, http.MethodPost, path, `{"upstream":"`+address+`"}`, &upstream)
	require.Equal(t, http.StatusOK, status, message)
	assert.Equal(t, address, upstream.Address)
	assert.Equal(t, path == adminapi.DrainPath, upstream.Draining)
}

func TestAdminAPIListsUpstreams(t *testing.T) {
	nodes, addresses := startNodes(t, 2)
	closed := startNode(t, "z")
	closed.Close()
	dead := closed.address()
	s := serve(t, "socketio"+addresses+" "+dead)
	for range 6 {
		s.open(t, polling)
	}
	sid := s.open(t, polling3)

	upstreams := upstreamsOf(t)
	require.Len(t, upstreams, 3)
	var opened uint64
	var learned int
	for _, n := range nodes {
		upstream := upstreams[n.address()]
		assert.True(t, upstream.Healthy)
		assert.Len(t, upstream.Tags, 1)
		assert.Nil(t, upstream.CoolDown)
		opened += upstream.Opened
		learned += upstream.Learned
	}
	assert.EqualValues(t, 7, opened)
	assert.Equal(t, 1, learned, "session %s", sid)
	require.NotNil(t, upstreams[dead].CoolDown)
	assert.Contains(t, upstreams[dead].CoolDown.Error, "connection refused")
	assert.Positive(t, upstreams[dead].FailedDials)
}

func TestAdminAPICountsOpenPolls(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	sid := s.open(t, polling)
	n.hold = make(chan struct{})
	done := make(chan struct{})
	go func() {
		defer close(done)
		if res, err := client.Get(s.url + "/socket.io/?" + polling + "&sid=" + sid); assert.NoError(t, err) {
			assert.NoError(t, res.Body.Close())
		}
	}()
	require.Eventually(t, func() bool { return upstreamsOf(t)[n.address()].OpenPolls == 1 }, patience, 10*time.Millisecond)
	close(n.hold)
	<-done
	require.Eventually(t, func() bool { return upstreamsOf(t)[n.address()].OpenPolls == 0 }, patience, 10*time.Millisecond)
}

func TestAdminAPICountsLostSessions(t *testing.T) {
	n := startNode(t, "a")
	s := serve(t, "socketio "+n.address())
	sid := s.open(t, polling)
	n.Close()
	res, _ := s.get(t, polling+"&sid="+sid)
	assert.Equal(t, http.StatusBadGateway, res.StatusCode)
	assert.EqualValues(t, 1, upstreamsOf(t)[n.address()].Lost)
}

func TestAdminAPIRefusesBadRequests(t *testing.T) {
	status, message := callAdmin(t, http.MethodGet, adminapi.UpstreamsPath, "", nil)
	assert.Equal(t, http.StatusNotFound, status)
	assert.Contains(t, message, "the running config has no affinity policy: use the socketio directive")

	n := startNode(t, "a")
	serve(t, "socketio "+n.address())
	for _, tt := range []struct {
		method, path, body string
		status             int
		message            string
	}{
		{http.MethodPost, adminapi.UpstreamsPath, "", http.StatusMethodNotAllowed, "method not allowed: /affinity/upstreams takes GET"},
		{http.MethodGet, adminapi.DrainPath, "", http.StatusMethodNotAllowed, "method not allowed: /affinity/drain takes POST"},
		{http.MethodPost, adminapi.DrainPath, "", http.StatusBadRequest, "decoding request: EOF"},
		{http.MethodPost, adminapi.DrainPath, `{"address":"a"}`, http.StatusBadRequest, `decoding request: json: unknown field "address"`},
		{http.MethodPost, adminapi.DrainPath, `{}`, http.StatusBadRequest, "upstream: must not be empty"},
		{http.MethodPost, adminapi.UndrainPath, `{"upstream":"b:80"}`, http.StatusNotFound, `upstream "b:80": no affinity policy has an upstream with this address; there are: ` + n.address()},
	} {
		status, message := callAdmin(t, tt.method, tt.path, tt.body, nil)
		assert.Equal(t, tt.status, status, tt.body)
		assert.Equal(t, tt.message, message)
	}
}
