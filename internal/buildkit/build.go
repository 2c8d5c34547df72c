// Package buildkit builds images with the BuildKit of a Docker Engine. It calls the
// engine's Control service with gRPC, and serves what the engine asks for while it
// builds: files, credentials, secrets, agents, and places for what is built. All of that
// is HTTP/2 of net/http on two upgraded connections.
package buildkit

import (
	"context"
	"io"
	"io/fs"
	"net/http"

	"github.com/cleat-go/docker/auth"
)

// Engine says how an engine is reached.
type Engine struct {
	// Upgrade posts to a path, /grpc or /session, with headers and the wish to upgrade to
	// h2c, and returns the connection. It ends with ctx. An engine without BuildKit
	// answers 404. Required unless Dial is set.
	Upgrade func(ctx context.Context, path string, header http.Header) (io.ReadWriteCloser, error)

	// Dial opens a connection on which the engine understands HTTP/2 at once, which it
	// does from API 1.53 on without TLS. It ends with ctx. Nil uses Upgrade.
	Dial func(ctx context.Context) (io.ReadWriteCloser, error)
}

// Source is a tree of files. One field is set; where none is, there is no source.
type Source struct {
	Dir    string    // a directory of this machine; what the engine has of it is not sent again
	FS     fs.FS     // any other tree, sent anew each time; links need fs.ReadLinkFS
	Stream io.Reader // an archive that the engine unpacks, or a lone Dockerfile; as Context only
	URL    string    // what the engine fetches itself: git, http or https; or as a named context docker-image://
}

// Request says what to build. Nothing of it is changed or kept.
type Request struct {
	Context Source // where COPY and ADD find files; none is an empty one

	Dockerfile     Source // Dir or FS with the Dockerfile, and its ignore file; none is Context
	DockerfileName string // in it, with slashes; empty is Dockerfile, or dockerfile

	Contexts map[string]Source // by the name that FROM, COPY --from and mounts use (engine 23.0)

	Target       string            // stage; empty is the last
	BuildArgs    map[string]string // of ARG
	Labels       map[string]string // of the image
	Platforms    []string          // "linux/arm64"; none is the engine's own
	NoCache      bool              // runs every step
	NoCacheFrom  []string          // runs the steps of these stages
	Pull         bool              // looks at the registry for newer base images
	NetworkMode  string            // of RUN: none, host, or empty for the default
	ExtraHosts   []string          // "name:address", address host-gateway too
	ShmSize      int64             // bytes (engine 23.0)
	Ulimits      []string          // "nofile=1024:2048" (engine 23.0)
	CgroupParent string            // (engine 23.0)

	Attestations map[string]string // "provenance": "mode=max", "sbom": "" (engine 24.0, containerd's image store)
	Attrs        map[string]string // more attributes of the Dockerfile frontend; they win

	Auth    auth.Source       // asked for the registries that the engine asks for; nil is anonymous
	Secrets map[string]Secret // by id
	SSH     map[string]Agent  // by id; "default" is what mounts without one use

	Exports   []Export      // none builds and keeps nothing but the cache; several need engine 26.0
	CacheFrom []CacheEntry  // read first
	CacheTo   []CacheEntry  // written last; other types than inline need containerd's image store
	Allow     []string      // entitlements: network.host, security.insecure
	Status    func(*Status) // called with all that happens, in the goroutine that calls Solve
}

// Secret returns the bytes of a secret, of which there may be half a megabyte.
// It is called each time that the engine asks.
type Secret func(ctx context.Context) ([]byte, error)

// Agent opens a connection to an ssh agent. Where it has CloseWrite() error, that ends
// the writing.
type Agent func(ctx context.Context) (io.ReadWriteCloser, error)

// Export says what becomes of the result.
type Export struct {
	// Type is "moby" for an image of the engine, whatever its store; "local" for files in a
	// directory; "tar" for an archive of them; "oci" or "docker" for an archive of the image
	// (containerd's image store); "image" as BuildKit knows it (the same).
	Type string

	// Attrs are the exporter's: "name" holds the tags with commas between, "push" is "true".
	Attrs map[string]string

	// Receive takes what is sent for local: [ToDir] makes it.
	Receive func(ctx context.Context, archive io.Reader) error

	// Output receives an archive. It is called once, when the engine begins to send, and
	// what it returns is closed: by Close at the archive's end, and where it has
	// CloseWithError(error) error, by that when the build fails before.
	Output func(ctx context.Context) (io.WriteCloser, error)
}

// CacheEntry is a cache that is imported or exported: type registry with ref, inline, …;
// [LocalCache] makes those of type local.
type CacheEntry struct {
	Type  string
	Attrs map[string]string

	// open prepares a cache of this machine, to be written or read. Where there is none
	// to read, it is left out.
	open func(c *caches, e CacheEntry, write bool) (with CacheEntry, found bool, err error)
}

// Response is what a build has made.
type Response struct {
	ImageID string            // of the moby and image exports: by it the engine inspects the image
	Digest  string            // of the manifest, where there is one
	Attrs   map[string]string // all that the exporters said
}
