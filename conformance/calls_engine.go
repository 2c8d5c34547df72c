package conformance

import (
	"errors"
	"net/http"

	"github.com/cleat-go/docker"
	"github.com/cleat-go/docker/auth"
)

var engineCalls = []*call{
	special("Ping", "HEAD /_ping", pingCall),
	special("Ping", "GET /_ping", pingCall),
	plain("GET /version", client.Version),
	plain("GET /info", client.Info),
	plain("GET /system/df", client.DiskUsage),
	special("RegistryLogin", "POST /auth", func(k kit, in *loginInput) (any, error) {
		credentials := auth.Credentials{
			Username: in.Username, Password: in.Password, IdentityToken: in.IdentityToken,
			RegistryToken: in.RegistryToken, ServerAddress: in.ServerAddress,
		}
		answer, err := k.RegistryLogin(k.ctx, credentials, &in.Options)
		if err != nil {
			return nil, err
		}
		return map[string]any{"Status": answer.Status, "IdentityToken": answer.IdentityToken}, nil
	}),
	special("Events", "GET /events", func(k kit, in *docker.EventsOptions) (any, error) {
		feed, err := k.Events(k.ctx, in)
		if err != nil {
			return nil, err
		}
		for e, err := range feed.All() {
			return e, err
		}
		return nil, errors.New("no event came")
	}),
	special("Session", "POST /session", func(k kit, in *sessionInput) (any, error) {
		conn, err := k.Session(k.ctx, in.Header)
		if err != nil {
			return nil, err
		}
		return nil, conn.Close()
	}, func(in *sessionInput) { in.Header = sessionHeader() }),

	plain("GET /networks", client.NetworkList),
	plain("GET /networks/{id}", client.NetworkInspect),
	plain("POST /networks/create", client.NetworkCreate),
	plain("POST /networks/{id}/connect", client.NetworkConnect),
	plain("POST /networks/{id}/disconnect", client.NetworkDisconnect),
	plain("DELETE /networks/{id}", client.NetworkRemove),
	plain("POST /networks/prune", client.NetworkPrune),

	plain("GET /volumes", client.VolumeList),
	plain("POST /volumes/create", client.VolumeCreate),
	plain("GET /volumes/{name}", client.VolumeInspect),
	special("VolumeUpdate", "PUT /volumes/{name}", func(k kit, in *volumeInput) (any, error) {
		return nil, k.VolumeUpdate(k.ctx, "sample", docker.ObjectVersion{Index: 7}, in.Spec)
	}),
	plain("DELETE /volumes/{name}", client.VolumeRemove),
	plain("POST /volumes/prune", client.VolumePrune),

	plain("GET /plugins", client.PluginList),
	plain("GET /plugins/{name}/json", client.PluginInspect),
	plain("GET /plugins/privileges", client.PluginPrivileges),
	special("PluginInstall", "POST /plugins/pull", func(k kit, in *docker.PluginInstallOptions) (any, error) {
		var seen first
		o := given(in)
		o.Progress = seen.see(o.Progress)
		_, err := k.PluginInstall(k.ctx, "sample", &o)
		return seen.message, err
	}, func(in *docker.PluginInstallOptions) { in.AcceptAll = true }),
	special("PluginUpgrade", "POST /plugins/{name}/upgrade", func(k kit, in *docker.PluginUpgradeOptions) (any, error) {
		var seen first
		o := given(in)
		o.Progress = seen.see(o.Progress)
		err := k.PluginUpgrade(k.ctx, "sample", "remote", &o)
		return seen.message, err
	}, func(in *docker.PluginUpgradeOptions) { in.AcceptAll = true }),
	plain("POST /plugins/{name}/enable", client.PluginEnable),
	plain("POST /plugins/{name}/disable", client.PluginDisable),
	plain("DELETE /plugins/{name}", client.PluginRemove),
	special("PluginPush", "POST /plugins/{name}/push", func(k kit, in *docker.PluginPushOptions) (any, error) {
		var seen first
		o := given(in)
		o.Progress = seen.see(o.Progress)
		_, err := k.PluginPush(k.ctx, "sample", &o)
		return seen.message, err
	}),
	plain("POST /plugins/create", client.PluginCreate),
	special("PluginSet", "POST /plugins/{name}/set", func(k kit, _ *none) (any, error) {
		return nil, k.PluginSet(k.ctx, "sample", "KEY=value")
	}),
}

type loginInput struct {
	Username, Password, IdentityToken, RegistryToken, ServerAddress string
	Options                                                         docker.RegistryLoginOptions
}

type sessionInput struct{ Header http.Header }

type volumeInput struct{ Spec docker.ClusterVolumeSpec }

// pingCall returns the headers that a ping found.
func pingCall(k kit, _ *none) (any, error) {
	p, err := k.Ping(k.ctx)
	if err != nil {
		return nil, err
	}
	want := docker.Ping{
		APIVersion: "1.56", OSType: "linux", BuilderVersion: "2", Experimental: true,
		Swarm: docker.SwarmState{State: "active", Manager: true}, Server: "Docker/30.0.0 (linux)",
	}
	if *p != want {
		return nil, errors.New("the ping's headers are lost")
	}
	return "OK", nil
}
