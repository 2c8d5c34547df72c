// Package enginetest is a Docker Engine in memory, for tests: what net/http/httptest is
// for HTTP. It speaks the Engine API on the wire, with streams and upgrades, so that any
// client can talk to it, and it can fail on demand.
//
//	engine := enginetest.NewServer(t, enginetest.WithImage("app", enginetest.Image{
//		Run: func(ctx context.Context, p *enginetest.Process) int {
//			fmt.Fprintln(p.Stdout, "hello")
//			return 0
//		},
//	}))
//	out, err := engine.Client().ContainerRun(ctx, "app").Output()
//
// A container's process is a Go function that is registered with its image; its files
// are in memory. Nothing of the machine is touched but the socket or port that an
// option asks for.
package enginetest
