package conformance

import (
	"errors"
	"net/http"
	"strings"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/streams"
)

// calls are all methods of the client that belong to an operation, once for each.
var calls = slicesOf(containerCalls, imageCalls, engineCalls, clusterCalls)

func slicesOf(groups ...[]*call) (all []*call) {
	for _, g := range groups {
		all = append(all, g...)
	}
	return all
}

type client = *docker.Client

var containerCalls = []*call{
	plain("GET /containers/json", client.ContainerList),
	plain("POST /containers/create", client.ContainerCreate),
	plain("GET /containers/{id}/json", client.ContainerInspect),
	plain("GET /containers/{id}/top", client.ContainerTop),
	plain("GET /containers/{id}/changes", client.ContainerChanges),
	plain("GET /containers/{id}/export", client.ContainerExport),
	plain("POST /containers/{id}/resize", client.ContainerResize),
	plain("POST /containers/{id}/start", client.ContainerStart),
	plain("POST /containers/{id}/stop", client.ContainerStop),
	plain("POST /containers/{id}/restart", client.ContainerRestart),
	plain("POST /containers/{id}/kill", client.ContainerKill),
	plain("POST /containers/{id}/update", client.ContainerUpdate),
	plain("POST /containers/{id}/rename", client.ContainerRename),
	plain("POST /containers/{id}/pause", client.ContainerPause),
	plain("POST /containers/{id}/unpause", client.ContainerUnpause),
	plain("DELETE /containers/{id}", client.ContainerRemove),
	plain("POST /containers/prune", client.ContainerPrune),
	special("ContainerLogs", "GET /containers/{id}/logs", func(k kit, in *docker.ContainerLogsOptions) (any, error) {
		return output(k.ContainerLogs(k.ctx, "sample", in))
	}),
	special("ContainerAttach", "POST /containers/{id}/attach", func(k kit, in *docker.ContainerAttachOptions) (any, error) {
		return attached(k.ContainerAttach(k.ctx, "sample", in))
	}),
	special("ContainerAttachWebsocket", "GET /containers/{id}/attach/ws", func(k kit, in *docker.ContainerAttachOptions) (any, error) {
		return attached(k.ContainerAttachWebsocket(k.ctx, "sample", in))
	}),
	special("ContainerWait", "POST /containers/{id}/wait", waitCall),
	special("ContainerStats", "GET /containers/{id}/stats", func(k kit, _ *none) (any, error) {
		feed, err := k.ContainerStats(k.ctx, "sample")
		if err != nil {
			return nil, err
		}
		for sample, err := range feed.All() {
			return sample, err
		}
		return nil, errors.New("no sample came")
	}),
	plain("GET /containers/{id}/stats", client.ContainerStatsOnce),
	plain("HEAD /containers/{id}/archive", client.ContainerStatPath),
	special("ContainerCopyFrom", "GET /containers/{id}/archive", func(k kit, _ *none) (any, error) {
		a, err := k.ContainerCopyFrom(k.ctx, "sample", "/path")
		if err != nil {
			return nil, err
		}
		return readAll(a)
	}),
	plain("PUT /containers/{id}/archive", client.ContainerCopyTo),
	special("ContainerWriteFile", "PUT /containers/{id}/archive", func(k kit, _ *none) (any, error) {
		return nil, k.ContainerWriteFile(k.ctx, "container", "/etc/file", []byte("text"), 0)
	}),
	special("ExecCreate", "POST /containers/{id}/exec", func(k kit, in *docker.ExecCreateOptions) (any, error) {
		return k.ExecCreate(k.ctx, "sample", []string{"program"}, in)
	}),
	special("ExecStart", "POST /exec/{id}/start", func(k kit, in *docker.ExecStartOptions) (any, error) {
		return attached(k.ExecStart(k.ctx, "sample", in))
	}),
	plain("POST /exec/{id}/start", client.ExecStartDetached),
	plain("POST /exec/{id}/resize", client.ExecResize),
	plain("GET /exec/{id}/json", client.ExecInspect),
	plain("GET /containers/{id}/checkpoints", client.CheckpointList),
	plain("POST /containers/{id}/checkpoints", client.CheckpointCreate),
	plain("DELETE /containers/{id}/checkpoints/{checkpoint}", client.CheckpointRemove),
}

func output(out *streams.Output, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	var text strings.Builder
	err = out.Copy(&text, &text)
	return text.String(), err
}

func attached(s *docker.AttachStream, err error) (any, error) {
	if err != nil {
		return nil, err
	}
	return nil, s.Close()
}

// waitCall returns the answer in the form that it has on the wire.
func waitCall(k kit, in *docker.ContainerWaitOptions) (any, error) {
	exit, err := k.ContainerWait(k.ctx, "sample", in)
	if err != nil {
		return nil, err
	}
	code, err := exit.Code()
	var told *docker.Error
	if errors.As(err, &told) && told.Message != "" {
		return map[string]any{"Error": map[string]any{"Message": told.Message}}, nil
	}
	return map[string]any{"StatusCode": code}, err
}

// byField are the settings that have a form of their own, by Type.Field.
var byField = map[string]any{
	"ImageCommitOptions.Reference": "registry.example/name:tag",
	"ImageImportOptions.Reference": "registry.example/name:tag",
	"PluginInstallOptions.Name":    "plugin:tag",
	"PluginInstallOptions.Grant":   grantAll,
	"PluginUpgradeOptions.Grant":   grantAll,
	"sessionInput.Header":          sessionHeader(),
}

func grantAll([]docker.PluginPrivilege) (bool, error) { return true, nil }

func sessionHeader() http.Header {
	return http.Header{
		"X-Docker-Expose-Session-Uuid": {"u"}, "X-Docker-Expose-Session-Name": {"n"},
		"X-Docker-Expose-Session-Sharedkey": {"k"}, "X-Docker-Expose-Session-Grpc-Method": {"/a/b", "/c/d"},
	}
}
