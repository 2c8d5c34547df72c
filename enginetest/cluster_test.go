package enginetest_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/enginetest"
	"github.com/cleat-go/docker/errdefs"
)

// swarmOf makes an engine that is a swarm of its own.
func swarmOf(t *testing.T, opts ...enginetest.Option) (*enginetest.Server, *docker.Client) {
	t.Helper()
	s := enginetest.NewServer(t, append(opts, enginetest.WithImage("busybox", enginetest.Busybox()))...)
	c := s.Client()
	_, err := c.SwarmInit(t.Context(), &docker.SwarmInitOptions{AdvertiseAddr: "10.1.2.3"})
	require.NoError(t, err)
	return s, c
}

func TestWithoutSwarm(t *testing.T) {
	c := enginetest.NewServer(t).Client()
	ctx := t.Context()
	_, list := c.ServiceList(ctx, nil)
	_, secrets := c.SecretList(ctx, nil)
	for _, err := range []error{list, secrets, c.SwarmUnlock(ctx, "key")} {
		require.ErrorIs(t, err, errdefs.ErrUnavailable)
		require.ErrorContains(t, err, "This node is not a swarm manager.")
	}
	require.ErrorContains(t, c.SwarmLeave(ctx, &docker.SwarmLeaveOptions{Force: true}), "This node is not part of a swarm")
	require.ErrorContains(t, c.SwarmJoin(ctx, &docker.SwarmJoinOptions{RemoteAddrs: []string{"x"}, JoinToken: "y"}), "left out")
}

func TestSwarm(t *testing.T) {
	c := enginetest.NewServer(t).Client()
	ctx := t.Context()
	id, err := c.SwarmInit(ctx, &docker.SwarmInitOptions{
		AdvertiseAddr: "10.1.2.3", DefaultAddrPool: []netip.Prefix{netip.MustParsePrefix("10.88.0.0/16")}, SubnetSize: 26,
		Spec: docker.SwarmSpec{Labels: map[string]string{"a": "b"}},
	})
	require.NoError(t, err)
	_, err = c.SwarmInit(ctx, nil)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
	info, err := c.Info(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, id, info.Swarm.NodeID)
	require.Equal(t, docker.SwarmActive, info.Swarm.LocalNodeState)
	require.Equal(t, "10.1.2.3", info.Swarm.NodeAddr)
	before, err := c.SwarmInspect(ctx, nil)
	require.NoError(t, err)
	require.EqualValues(t, 26, before.SubnetSize)
	require.EqualValues(t, 5, *before.Spec.Orchestration.TaskHistoryRetentionLimit)
	require.Regexp(t, `^SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25}$`, before.JoinTokens.Worker)
	require.Equal(t, before.JoinTokens.Worker[:59], before.JoinTokens.Manager[:59])
	spec := before.Spec
	spec.Dispatcher.HeartbeatPeriod = 7 * time.Second
	require.NoError(t, c.SwarmUpdate(ctx, before.Version, spec, &docker.SwarmUpdateOptions{RotateWorkerToken: true}))
	require.ErrorIs(t, c.SwarmUpdate(ctx, before.Version, spec, nil), errdefs.ErrConflict)
	after, err := c.SwarmInspect(ctx, nil)
	require.NoError(t, err)
	require.Equal(t, 7*time.Second, after.Spec.Dispatcher.HeartbeatPeriod)
	require.NotEqual(t, before.JoinTokens.Worker, after.JoinTokens.Worker)
	require.Equal(t, before.JoinTokens.Manager, after.JoinTokens.Manager)

	key, err := c.SwarmUnlockKey(ctx)
	require.NoError(t, err)
	require.Empty(t, key)
	spec.EncryptionConfig.AutoLockManagers = true
	require.NoError(t, c.SwarmUpdate(ctx, after.Version, spec, nil))
	key, err = c.SwarmUnlockKey(ctx)
	require.NoError(t, err)
	require.Regexp(t, `^SWMKEY-1-.{43}$`, key)
	require.ErrorIs(t, c.SwarmUnlock(ctx, key), errdefs.ErrConflict)

	require.ErrorIs(t, c.SwarmLeave(ctx, nil), errdefs.ErrUnavailable)
	require.NoError(t, c.SwarmLeave(ctx, &docker.SwarmLeaveOptions{Force: true}))
	_, err = c.SwarmInspect(ctx, nil)
	require.ErrorIs(t, err, errdefs.ErrUnavailable)
}

func TestNodes(t *testing.T) {
	_, c := swarmOf(t)
	ctx := t.Context()
	nodes, err := c.NodeList(ctx, &docker.NodeListOptions{Filters: docker.Filters{"role": {"manager"}, "membership": {"accepted"}}})
	require.NoError(t, err)
	require.Len(t, nodes, 1)
	id := nodes[0].ID
	node, err := c.NodeInspect(ctx, nodes[0].Description.Hostname, nil)
	require.NoError(t, err)
	require.Equal(t, id, node.ID)
	require.Equal(t, docker.NodeReady, node.Status.State)
	require.Equal(t, docker.ManagerStatus{Leader: true, Reachability: docker.ManagerReachable, Addr: "10.1.2.3:2377"}, *node.ManagerStatus)

	require.NoError(t, c.NodeChange(ctx, id, func(spec *docker.NodeSpec) error {
		spec.Labels = map[string]string{"zone": "a"}
		return nil
	}))
	for label, n := range map[string]int{"zone=a": 1, "zone=b": 0} {
		nodes, err := c.NodeList(ctx, &docker.NodeListOptions{Filters: docker.Filters{"node.label": {label}}})
		require.NoError(t, err)
		require.Len(t, nodes, n)
	}
	require.ErrorIs(t, c.NodeUpdate(ctx, id, node.Version, node.Spec), errdefs.ErrConflict)
	err = c.NodeChange(ctx, id, func(spec *docker.NodeSpec) error {
		spec.Role = docker.NodeWorker
		return nil
	})
	require.ErrorIs(t, err, errdefs.ErrInvalidArgument)
	require.ErrorIs(t, c.NodeRemove(ctx, id, nil), errdefs.ErrInvalidArgument)
	require.ErrorIs(t, c.NodeRemove(ctx, "none", nil), errdefs.ErrNotFound)
	_, err = c.NodeInspect(ctx, "none", nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
}

func TestSecrets(t *testing.T) {
	_, c := swarmOf(t)
	ctx := t.Context()
	id, err := c.SecretCreate(ctx, docker.SecretSpec{Name: "pass", Labels: map[string]string{"a": "b"}, Data: []byte("hush")})
	require.NoError(t, err)
	_, err = c.SecretCreate(ctx, docker.SecretSpec{Name: "pass", Data: []byte("x")})
	require.ErrorIs(t, err, errdefs.ErrConflict)
	for _, spec := range []docker.SecretSpec{{Name: "empty"}, {Name: "a b", Data: []byte("x")}} {
		_, err = c.SecretCreate(ctx, spec)
		require.ErrorIs(t, err, errdefs.ErrInvalidArgument)
	}
	for _, found := range []docker.Filters{{"names": {"pass"}}, {"name": {"pa"}}, {"id": {id[:5]}}, {"label": {"a=b"}}} {
		list, err := c.SecretList(ctx, &docker.SecretListOptions{Filters: found})
		require.NoError(t, err)
		require.Len(t, list, 1)
		require.Equal(t, id, list[0].ID)
		require.Nil(t, list[0].Spec.Data)
	}
	list, err := c.SecretList(ctx, &docker.SecretListOptions{Filters: docker.Filters{"names": {"pa"}}})
	require.NoError(t, err)
	require.Empty(t, list)

	before, err := c.SecretInspect(ctx, "pass", nil)
	require.NoError(t, err)
	spec := before.Spec
	spec.Labels = map[string]string{"new": "label"}
	require.NoError(t, c.SecretUpdate(ctx, id, before.Version, spec))
	require.ErrorIs(t, c.SecretUpdate(ctx, id, before.Version, spec), errdefs.ErrConflict)
	after, err := c.SecretInspect(ctx, id, nil)
	require.NoError(t, err)
	require.Equal(t, spec.Labels, after.Spec.Labels)
	spec.Data = []byte("other")
	require.ErrorIs(t, c.SecretUpdate(ctx, id, after.Version, spec), errdefs.ErrInvalidArgument)
	require.NoError(t, c.SecretRemove(ctx, "pass"))
	require.ErrorIs(t, c.SecretRemove(ctx, id), errdefs.ErrNotFound)
}

func TestConfigs(t *testing.T) {
	s, c := swarmOf(t)
	ctx := t.Context()
	id, err := c.ConfigCreate(ctx, docker.ConfigSpec{Name: "conf", Data: []byte("loud")})
	require.NoError(t, err)
	_, err = c.ConfigCreate(ctx, docker.ConfigSpec{Name: "conf", Data: []byte("x")})
	require.ErrorIs(t, err, errdefs.ErrConflict)
	conf, err := c.ConfigInspect(ctx, "conf", nil)
	require.NoError(t, err)
	require.Equal(t, "loud", string(conf.Spec.Data))
	spec := conf.Spec
	spec.Labels = map[string]string{"new": "label"}
	require.NoError(t, c.ConfigUpdate(ctx, id, conf.Version, spec))
	require.NoError(t, c.ConfigRemove(ctx, id))
	_, err = c.ConfigInspect(ctx, id, nil)
	require.ErrorIs(t, err, errdefs.ErrNotFound)
	require.Equal(t, []string{"create", "update", "remove"}, clusterActions(ctx, t, s, docker.EventConfig))
}

// clusterActions are what events told of a kind of object of the swarm.
func clusterActions(ctx context.Context, t *testing.T, s *enginetest.Server, kind docker.EventType) []string {
	t.Helper()
	var actions []string
	filter := docker.Filters{"type": {string(kind)}, "scope": {"swarm"}}
	stream, err := s.Client().Events(ctx, &docker.EventsOptions{Since: time.Now().Add(-time.Hour), Until: time.Now(), Filters: filter})
	require.NoError(t, err)
	for ev, err := range stream.All() {
		require.NoError(t, err)
		actions = append(actions, ev.Action)
	}
	return actions
}
