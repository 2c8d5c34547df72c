// Package enginetest is a Docker Engine in memory, for tests: what net/http/httptest is
// for HTTP. It speaks the Engine API on the wire, with streams and upgrades, so that any
// client can talk to it, the docker command too, and it can fail on demand.
//
//	engine := enginetest.NewServer(t, enginetest.WithImage("app", enginetest.Image{
//		Run: func(ctx context.Context, p *enginetest.Process) int {
//			fmt.Fprintln(p.Stdout, "hello")
//			return 0
//		},
//	}))
//	out, err := engine.Client().ContainerRun(ctx, "app", "greet").Output()
//
// A container's process is a Go function that is registered with its image; [Busybox] is
// an image with a shell. Files, volumes, networks and registries are in memory. Nothing of
// the machine is touched but the socket or port that [WithUnix], [WithTCP] or [WithTLS]
// ask for; without them the connection is in memory as well, and works within the bubbles
// of testing/synctest, whose clock is then the engine's.
//
// [WithAPIVersion] chooses the age of the engine: fields, parameters, content types,
// status codes and the words of errors follow it. [Server.Fail] arranges faults,
// [Server.Restart] restarts the engine, [Server.Requests] are what clients have asked.
// The tests of this package compare it with what Docker 20.10, 26.1 and 28.5 do.
//
// # What is left out
//
// Left out are, and answer 501: builds with BuildKit, and the build cache; joining the
// swarm of another engine, and services of more than 1000 tasks; checkpoints; cluster
// volumes and mounts of images; attestations; sessions. What answers, and is made up:
// statistics, sizes of layers, process numbers, the digests of manifests.
//
// Nothing runs behind a plugin that is enabled, so one without an entrypoint can be, which
// engines refuse. Volumes and networks that have it for their
// driver are as those of the engine's own; as a driver of logs it has no effect.
// Plugins that a service installs are left out.
//
// A swarm has one node. Its tasks are containers in the first network of their service; the
// ports and addresses of services are kept and told, and have no effect.
//
// Limits, devices, capabilities, addresses and ports are kept and told, and have no effect:
// nothing listens on a port. Folders of the host that are bound are empty folders in
// memory, one for each path. Links between containers are not made. A process that is
// killed is told so by its context; what it does after that is seen by nobody. A process
// that is paused goes on until it reads a signal or writes.
package enginetest
