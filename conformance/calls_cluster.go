package conformance

import "github.com/cleat-go/docker"

var version = docker.ObjectVersion{Index: 7}

var clusterCalls = []*call{
	plain("GET /swarm", client.SwarmInspect),
	plain("POST /swarm/init", client.SwarmInit),
	needing(plain("POST /swarm/join", client.SwarmJoin), func(in *docker.SwarmJoinOptions) {
		in.RemoteAddrs, in.JoinToken = []string{"10.0.0.1:2377"}, "token"
	}),
	plain("POST /swarm/leave", client.SwarmLeave),
	special("SwarmUpdate", "POST /swarm/update", func(k kit, in *swarmInput) (any, error) {
		return nil, k.SwarmUpdate(k.ctx, version, in.Spec, &in.Options)
	}),
	plain("GET /swarm/unlockkey", client.SwarmUnlockKey),
	plain("POST /swarm/unlock", client.SwarmUnlock),

	plain("GET /nodes", client.NodeList),
	plain("GET /nodes/{id}", client.NodeInspect),
	special("NodeUpdate", "POST /nodes/{id}/update", func(k kit, in *docker.NodeSpec) (any, error) {
		return nil, k.NodeUpdate(k.ctx, "sample", version, given(in))
	}),
	plain("DELETE /nodes/{id}", client.NodeRemove),

	plain("GET /services", client.ServiceList),
	special("ServiceCreate", "POST /services/create", func(k kit, in *serviceInput) (any, error) {
		return k.ServiceCreate(k.ctx, in.Spec, &in.Options)
	}),
	plain("GET /services/{id}", client.ServiceInspect),
	special("ServiceUpdate", "POST /services/{id}/update", func(k kit, in *serviceUpdateInput) (any, error) {
		return k.ServiceUpdate(k.ctx, "sample", version, in.Spec, &in.Options)
	}),
	plain("DELETE /services/{id}", client.ServiceRemove),
	special("ServiceLogs", "GET /services/{id}/logs", func(k kit, in *docker.ServiceLogsOptions) (any, error) {
		return output(k.ServiceLogs(k.ctx, "sample", in))
	}),

	plain("GET /tasks", client.TaskList),
	plain("GET /tasks/{id}", client.TaskInspect),
	special("TaskLogs", "GET /tasks/{id}/logs", func(k kit, in *docker.ServiceLogsOptions) (any, error) {
		return output(k.TaskLogs(k.ctx, "sample", in))
	}),

	plain("GET /secrets", client.SecretList),
	special("SecretCreate", "POST /secrets/create", func(k kit, in *docker.SecretSpec) (any, error) {
		return k.SecretCreate(k.ctx, *in)
	}, func(in *docker.SecretSpec) { in.Name = "name" }),
	plain("GET /secrets/{id}", client.SecretInspect),
	special("SecretUpdate", "POST /secrets/{id}/update", func(k kit, in *docker.SecretSpec) (any, error) {
		return nil, k.SecretUpdate(k.ctx, "sample", version, given(in))
	}),
	plain("DELETE /secrets/{id}", client.SecretRemove),

	plain("GET /configs", client.ConfigList),
	special("ConfigCreate", "POST /configs/create", func(k kit, in *docker.ConfigSpec) (any, error) {
		return k.ConfigCreate(k.ctx, *in)
	}, func(in *docker.ConfigSpec) { in.Name = "name" }),
	plain("GET /configs/{id}", client.ConfigInspect),
	special("ConfigUpdate", "POST /configs/{id}/update", func(k kit, in *docker.ConfigSpec) (any, error) {
		return nil, k.ConfigUpdate(k.ctx, "sample", version, given(in))
	}),
	plain("DELETE /configs/{id}", client.ConfigRemove),
}

type swarmInput struct {
	Spec    docker.SwarmSpec
	Options docker.SwarmUpdateOptions
}

type serviceInput struct {
	Spec    docker.ServiceSpec
	Options docker.ServiceCreateOptions
}

type serviceUpdateInput struct {
	Spec    docker.ServiceSpec
	Options docker.ServiceUpdateOptions
}
