package conformance

// pending are operations that have no method yet.
var pending = map[string]bool{}

// corrections are what the specification has wrong, or leaves out.
var corrections = []correction{
	// Routes that no file has.
	{about: "POST /build/cancel", why: "the daemon's router has it", add: `
parameters: [{name: id, in: query, type: string}]
responses: {200: {}}`},
	{about: "GET /containers/{id}/checkpoints", why: "experimental engines have it", add: `
parameters: [{name: dir, in: query, type: string}]
responses: {200: {schema: {type: array, items: {type: object, properties: {Name: {type: string}}}}}}`},
	{about: "POST /containers/{id}/checkpoints", why: "experimental engines have it", add: `
parameters: [{in: body, schema: {type: object, properties: {
  CheckpointID: {type: string}, CheckpointDir: {type: string}, Exit: {type: boolean}}}}]
responses: {201: {}}`},
	{about: "DELETE /containers/{id}/checkpoints/{checkpoint}", why: "experimental engines have it", add: `
parameters: [{name: dir, in: query, type: string}]
responses: {204: {}}`},

	// Parameters and headers.
	{about: "GET /containers/{id}/logs?details", why: "the daemon reads it", add: `{type: boolean}`},
	{about: "GET /containers/{id}/logs?since", why: "the daemon reads fractions of seconds", is: `{type: string}`},
	{about: "GET /containers/{id}/logs?until", why: "the daemon reads fractions of seconds", is: `{type: string}`},
	{about: "GET /services/{id}/logs?since", why: "the daemon reads fractions of seconds", is: `{type: string}`},
	{about: "GET /tasks/{id}/logs?since", why: "the daemon reads fractions of seconds", is: `{type: string}`},
	{about: "POST /containers/{id}/start?checkpoint", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /containers/{id}/start?checkpoint-dir", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /commit?changes", why: "the daemon reads it repeated", is: `{type: array}`},
	{about: "POST /build?t", why: "the daemon reads it repeated", is: `{type: array}`},
	{about: "POST /build?extrahosts", why: "the daemon reads it repeated", is: `{type: array}`},
	{about: "POST /build?cgroupparent", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /build?cpusetmems", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /build?isolation", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /build?securityopt", why: "the daemon reads it", add: `{type: array}`},
	{about: "POST /build?ulimits", why: "the daemon reads it", add: `{type: string}`},
	{about: "GET /images/json?digests", why: "the daemon reads no such parameter", drop: true},
	{about: "GET /images/search:X-Registry-Auth", why: "the daemon reads it", add: `{type: string}`},
	{about: "GET /distribution/{name}/json:X-Registry-Auth", why: "the daemon reads it", add: `{type: string}`},
	{about: "GET /plugins/privileges:X-Registry-Auth", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /plugins/{name}/push:X-Registry-Auth", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /session:X-Docker-Expose-Session-Uuid", why: "BuildKit's protocol", add: `{type: string}`},
	{about: "POST /session:X-Docker-Expose-Session-Name", why: "BuildKit's protocol", add: `{type: string}`},
	{about: "POST /session:X-Docker-Expose-Session-Sharedkey", why: "BuildKit's protocol", add: `{type: string}`},
	{about: "POST /session:X-Docker-Expose-Session-Grpc-Method", why: "BuildKit's protocol", add: `{type: string}`},

	// Answers.
	{about: "POST /images/create 200", why: "its messages are such", add: `{$ref: "#/definitions/CreateImageInfo"}`},
	{about: "POST /images/{name}/push 200", why: "its messages are such", add: `{$ref: "#/definitions/PushImageInfo"}`},
	{about: "POST /build 200", why: "its messages are such", add: `{$ref: "#/definitions/BuildInfo"}`},
	{about: "POST /images/load 200", why: "its messages are such", add: `{$ref: "#/definitions/BuildInfo"}`},
	{about: "POST /plugins/pull 200", why: "the daemon sends messages, not 204", add: `{$ref: "#/definitions/CreateImageInfo"}`},
	{about: "POST /plugins/{name}/upgrade 200", why: "the daemon sends messages, not 204", add: `{$ref: "#/definitions/CreateImageInfo"}`},
	{about: "POST /plugins/{name}/push 200", why: "its messages are such", add: `{$ref: "#/definitions/PushImageInfo"}`},
	{about: "DELETE /plugins/{name} 200", why: "the body is empty", drop: true},
	{about: "HEAD /_ping 200", why: "a HEAD has no body", drop: true},
	{about: "GET /_ping 200", why: "the body is OK, and no JSON", drop: true},

	// When something came.
	{about: "POST /networks/create request.EnableIPv4", why: "version 1.47 ignores it", since: 48},
	{about: "POST /networks/create request.ConfigOnly", why: "engines have had it since 1.30", since: 40},
	{about: "POST /networks/create request.ConfigFrom", why: "engines have had it since 1.30", since: 40},
	{about: "EndpointSettings.MacAddress", why: "older versions ignore it in a request", since: 44},
	{about: "POST /networks/{id}/connect request.EndpointConfig.MacAddress", why: "older versions ignore it there", since: 54},
	{about: "POST /networks/create request.Scope", why: "engines have had it since 1.30", since: 40},

	// Properties of requests.
	{about: "AuthConfig.identitytoken", why: "the daemon reads it", add: `{type: string}`},
	{about: "AuthConfig.registrytoken", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /swarm/init request.AutoLockManagers", why: "the daemon reads it", add: `{type: boolean}`},
	{about: "POST /swarm/init request.Availability", why: "the daemon reads it", add: `{type: string}`},
	{about: "POST /swarm/join request.Availability", why: "the daemon reads it", add: `{type: string}`},
	{about: "Mount.ClusterOptions", why: "the daemon reads it", since: 42, add: `{type: object}`},
	{about: "Resources.Init", why: "an update does not have it", to: "HostConfig.Init"},

	// Properties of answers.
	{about: "BuildCache.Parents", why: "the daemon writes it so", wire: " Parents"},
	{about: "ContainerWaitResponse.Error", why: "it is not there, or the code is not", is: `{$ref: "#/definitions/ContainerWaitExitError", x-nullable: true}`},

	{about: "Runtime.runtimeType", why: "the daemon writes it", add: `{type: string}`},
	{about: "Runtime.options", why: "the daemon writes it", add: `{type: object, additionalProperties: {type: string}}`},
	{about: "Service.PreviousSpec", why: "the daemon writes it", add: `{$ref: "#/definitions/ServiceSpec"}`},
	{about: "SwarmInfo.Warnings", why: "the daemon writes it", add: `{type: array, items: {type: string}}`},
	{about: "NodeDescription.CSIInfo", why: "the daemon writes it", since: 42, add: `
type: array
items: {type: object, properties: {PluginName: {type: string}, NodeID: {type: string}, MaxVolumesPerNode: {type: integer, format: int64},
  AccessibleTopology: {type: object, properties: {Segments: {type: object, additionalProperties: {type: string}}}}}}`},
	{about: "Task.AssignedGenericResources", why: "the wire's name", wire: "GenericResources"},
	{about: "Task.Volumes", why: "the daemon writes it", since: 42, add: `
type: array
items: {type: object, properties: {ID: {type: string}, Source: {type: string}, Target: {type: string}}}`},
	{about: "NetworkAttachment.Network", why: "it is the cluster's view of a network, as the example shows", is: clusterNetwork},
	{about: "Plugin.Config.Interface.Types", why: "a type is one text on the wire: docker.volumedriver/1.0", is: `{type: array, items: {type: string}}`},
	{about: "SystemVersion.Components[].Details", why: "they are texts, as the prose says", is: `{type: object, x-nullable: true, additionalProperties: {type: string}}`},
	{about: "ProgressDetail.hidecounts", why: "the daemon writes it", add: `{type: boolean}`},
	{about: "ProgressDetail.units", why: "the daemon writes it", add: `{type: string}`},
	{about: "PushImageInfo.aux", why: "the daemon writes it", add: `{type: object, properties: {Tag: {type: string}}}`},

	// Both.
	{about: "ClusterVolumeSpec.AccessMode.Secrets", why: "on the wire it stands beside AccessMode", to: "ClusterVolumeSpec.Secrets"},
	{about: "ClusterVolumeSpec.AccessMode.AccessibilityRequirements", why: "on the wire it stands beside AccessMode", to: "ClusterVolumeSpec.AccessibilityRequirements"},
	{about: "ClusterVolumeSpec.AccessMode.CapacityRange", why: "on the wire it stands beside AccessMode", to: "ClusterVolumeSpec.CapacityRange"},
	{about: "ClusterVolumeSpec.AccessMode.Availability", why: "on the wire it stands beside AccessMode", to: "ClusterVolumeSpec.Availability"},
	{about: "ClusterVolumeSpec.AccessMode.BlockVolume", why: "the daemon reads it", since: 42, add: `{type: object}`},
	{about: "TaskSpec.PluginSpec.Name", why: "the wire's name", wire: "name"},
	{about: "TaskSpec.PluginSpec.Remote", why: "the wire's name", wire: "remote"},
	{about: "TaskSpec.PluginSpec.Disabled", why: "the wire's name", wire: "disabled"},
	{about: "TaskSpec.PluginSpec.PluginPrivilege", why: "the wire's names are others", drop: true},
	{about: "TaskSpec.PluginSpec.privileges", why: "the wire's names", add: `
type: array
items: {type: object, properties: {name: {type: string}, description: {type: string}, value: {type: array, items: {type: string}}}}`},
	{about: "TaskSpec.PluginSpec.env", why: "the daemon reads it", add: `{type: array, items: {type: string}}`},
}

// clusterNetwork is a network as tasks have it.
const clusterNetwork = `
type: object
properties:
  ID: {type: string}
  Version: {$ref: "#/definitions/ObjectVersion"}
  CreatedAt: {type: string, format: dateTime}
  UpdatedAt: {type: string, format: dateTime}
  Spec:
    type: object
    properties:
      Name: {type: string}
      Labels: {type: object, additionalProperties: {type: string}}
      DriverConfiguration: {$ref: "#/definitions/Driver"}
      IPv6Enabled: {type: boolean}
      Internal: {type: boolean}
      Attachable: {type: boolean}
      Ingress: {type: boolean}
      ConfigFrom: {type: object, properties: {Network: {type: string}}}
      Scope: {type: string}
      IPAMOptions: &ipam
        type: object
        properties:
          Driver: {$ref: "#/definitions/Driver"}
          Configs:
            type: array
            items:
              type: object
              properties:
                Subnet: {type: string, format: cidr}
                Range: {type: string, format: cidr}
                Gateway: {type: string, format: ip-address}
  DriverState: {$ref: "#/definitions/Driver"}
  IPAMOptions: *ipam`

// forms are texts whose form, and numbers whose size, the specification does not tell.
var forms = map[string]string{
	"ConfigSpec.Data":                                           "base64",
	"SecretSpec.Data":                                           "base64",
	"OCIDescriptor.data":                                        "base64",
	"TLSInfo.CertIssuerSubject":                                 "base64",
	"TLSInfo.CertIssuerPublicKey":                               "base64",
	"TaskSpec.ContainerSpec.Privileges.Seccomp.Profile":         "base64",
	"TaskSpec.ContainerSpec.DNSConfig.Nameservers":              "ip-address",
	"NetworkAttachment.Addresses":                               "cidr",
	"Resources.BlkioWeight":                                     "uint16",
	"Resources.BlkioWeightDevice[].Weight":                      "uint16",
	"RegistryServiceConfig.InsecureRegistryCIDRs":               "cidr",
	"RegistryServiceConfig.AllowNondistributableArtifactsCIDRs": "cidr",
	"SystemInfo.DefaultAddressPools[].Base":                     "cidr",
	"GET /containers/{id}/json 200.Created":                     "dateTime",
	"HostConfig.Dns":                                            "ip-address",
	"NetworkContainer.IPv6Address":                              "cidr6",
	"NetworkSettings.LinkLocalIPv6Address":                      "ipv6",
	"Address.Addr":                                              "ip-address",
}

// excuses are differences that are right, by their subject.
var excuses = map[string]string{
	"AuthConfig.email":                       "registries ignore it since long",
	"answer EventMessage.time":               "timeNano is the same time, and finer",
	"answer CreateImageInfo.progress":        "progressDetail is the same in numbers",
	"answer PushImageInfo.progress":          "progressDetail is the same in numbers",
	"answer BuildInfo.progress":              "progressDetail is the same in numbers",
	"null POST /containers/{id}/wait":        "an exit without a code is never taken for success",
	"filter POST /images/prune dangling":     "ImagePruneOptions.All sets it",
	"filter POST /volumes/prune all":         "VolumePruneOptions.All sets it",
	"filter GET /plugins enable":             "engines take enabled",
	"gate EndpointSettings.DNSNames":         "engines write it, and ignore it in a request",
	"gate HostConfig.LogConfig.Type=local":   "engines have had the driver since 1.39",
	"option ContainerConfig.Image":           "the image is a parameter of the method, which takes its place",
	"status HEAD /_ping":                     "GET /_ping is tried after it",
	"POST /build:Content-Type":               "every upload has it",
	"POST /build?outputs":                    "BuildKit is called in another way",
	"POST /build?q":                          "the answer is read in any case",
	"option ImageBuildOptions.Builder":       "it chooses between this and another way",
	"option BuildCacheEntry.Attrs":           "it is for BuildKit, which is called in another way",
	"option BuildCacheEntry.Ref":             "it is for BuildKit, which is called in another way",
	"option BuildCacheEntry.Type":            "it is for BuildKit, which is called in another way",
	"option ImageBuildOptions.Allow":         "it is for BuildKit, which is called in another way",
	"option ImageBuildOptions.Attestations":  "it is for BuildKit, which is called in another way",
	"option ImageBuildOptions.Attrs":         "it is for BuildKit, which is called in another way",
	"option ImageBuildOptions.NoCacheStages": "it is for BuildKit, which is called in another way",
	"option ImageBuildOptions.SSH":           "it is for BuildKit, which is called in another way",
	"option ImageBuildOptions.Secrets":       "it is for BuildKit, which is called in another way",
	"option ServiceCreateOptions.FindAuth":   "the client has no source here",
	"option ServiceUpdateOptions.FindAuth":   "the client has no source here",
	"gate POST /volumes/prune?filters=all in VolumePrune with VolumePruneOptions.All": "all is what older engines do without the filter",
}

// renamed are fields whose name has nothing of the wire's, and that.
var renamed = map[string]string{
	"BlkioStats.Queued":       "io_queue_recursive",
	"CPUStats.SystemUsage":    "system_cpu_usage",
	"PathStat.ModTime":        "mtime",
	"StorageStats.ReadBytes":  "read_size_bytes",
	"StorageStats.WriteBytes": "write_size_bytes",

	"ClassicBuildOptions.KeepFailed": "forcerm",
	"ClassicBuildOptions.MemorySwap": "memswap",
	"ImageBuildOptions.Credentials":  "X-Registry-Config",
	"ImageCommitOptions.Reference":   "repo",
	"ImageImportOptions.Reference":   "repo",
	"ImagePruneOptions.All":          "filters",
	"VolumePruneOptions.All":         "filters",
	"PluginInstallOptions.Disabled":  "timeout", // is that of the call to enable it, which is left out

	// Neither means both, so that one alone takes the other away.
	"ContainerAttachOptions.Stderr": "stdout",
	"ContainerAttachOptions.Stdout": "stderr",
	"ContainerLogsOptions.Stderr":   "stdout",
	"ContainerLogsOptions.Stdout":   "stderr",
	"ServiceLogsOptions.Stderr":     "stdout",
	"ServiceLogsOptions.Stdout":     "stderr",
	"ExecCreateOptions.Stderr":      "AttachStdout",
	"ExecCreateOptions.Stdout":      "AttachStderr",
}
