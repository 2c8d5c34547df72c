package docker

import (
	"context"
	"io"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/internal/buildkit"
	"github.com/cleat-go/docker/streams"
)

// Builder names one of an engine's two builders.
type Builder string

// The builders.
const (
	BuilderBuildKit Builder = "buildkit"
	BuilderClassic  Builder = "classic" // the older one; podman's and Windows' own
)

// ImageBuildOptions say what is built of a source, how, and who is told of it. What only
// one of the builders can do says so; with the other it is [errors.ErrUnsupported].
type ImageBuildOptions struct {
	Tags    []string // the image's names; with the tag latest where they have none
	Builder Builder  // empty is BuildKit where the engine has it, unless it prefers the other

	Dockerfile     string      // its name in the context, with slashes; empty is Dockerfile
	DockerfileText []byte      // the Dockerfile itself, in place of a file; nil is the file
	DockerfileFrom BuildSource // a directory or tree that has the Dockerfile, and perhaps its ignore file, in place of the context

	Target      string            // the stage to build; empty is the last
	Args        map[string]string // values of ARG
	Labels      map[string]string // of the image
	Platforms   []string          // os[/arch[/variant]]; none is the engine's own; several need BuildKit and the containerd image store
	NoCache     bool              // run all steps again
	Pull        bool              // ask registries for newer base images
	NetworkMode string            // of RUN: host, none, or for the classic builder any network or container:name
	ExtraHosts  []string          // name:address, for RUN; the address host-gateway is the engine's host
	ShmSize     int64             // of RUN's /dev/shm, in bytes; 0 is 64 MiB (BuildKit: API 1.42)
	Ulimits     []Ulimit          // of RUN (BuildKit: API 1.42)

	CgroupParent string // of RUN (BuildKit: API 1.42)

	CacheFrom []BuildCacheEntry // caches to read; for the classic builder images of the engine

	NoCacheStages []string               // run all steps of these stages again; BuildKit
	CacheTo       []BuildCacheEntry      // caches to write; BuildKit, and all but inline ones the containerd image store
	Contexts      map[string]BuildSource // more sources, by the name that FROM, COPY --from and mounts use; BuildKit, API 1.42
	Secrets       map[string]BuildSecret // by the ID that RUN --mount=type=secret names; BuildKit
	SSH           map[string]BuildAgent  // by the ID that RUN --mount=type=ssh names, default where it names none; BuildKit
	Exports       []BuildExport          // what becomes of the result; none is an image of the engine. BuildKit; several need API 1.45
	Attestations  map[string]string      // by type, provenance or sbom, with their attributes, as "mode=max"; BuildKit, API 1.43, the containerd image store
	Allow         []string               // network.host, security.insecure; BuildKit
	Attrs         map[string]string      // of BuildKit's Dockerfile frontend, as it names them; they win; BuildKit

	Classic *ClassicBuildOptions // what BuildKit does not have

	Credentials map[string]auth.Credentials // by the authority of the registry, docker.io for Docker Hub; nil are those of the client's source
	Progress    streams.Progress            // is called with all that happens, from this goroutine, each time with a Build
}

// ClassicBuildOptions are those that only the classic builder has.
type ClassicBuildOptions struct {
	KeepIntermediate bool // keep the containers of the steps
	KeepFailed       bool // keep that of a step that fails
	Squash           bool // make one layer of all; experimental engines

	Memory      int64 // of RUN, in bytes
	MemorySwap  int64 // of RUN, memory and swap, in bytes; -1 is unlimited
	CPUShares   int64 // of RUN, relative; 0 is 1024
	CPUPeriod   int64 // of RUN, in microseconds
	CPUQuota    int64 // of RUN, microseconds in each period
	CPUSetCPUs  string
	CPUSetMems  string
	SecurityOpt []string  // of RUN; not on Linux
	Isolation   Isolation // Windows
}

// BuildCacheEntry is a cache outside of the engine.
type BuildCacheEntry struct {
	Type  string            // registry, inline, gha, s3 or azblob; empty is registry; CacheDir makes those of type local
	Ref   string            // the image of a registry
	Attrs map[string]string // as BuildKit names them, such as mode: max

	local func(attrs map[string]string) buildkit.CacheEntry
}

// CacheRegistry is the cache in an image of a registry, or, to read, of the engine.
func CacheRegistry(ref string) BuildCacheEntry { return BuildCacheEntry{Type: "registry", Ref: ref} }

// CacheDir is the cache in a local directory. Where it is missing, it is made to write and
// left out to read.
func CacheDir(dir string) BuildCacheEntry {
	return BuildCacheEntry{Type: "local", Ref: dir, local: func(attrs map[string]string) buildkit.CacheEntry {
		return buildkit.LocalCache(dir, attrs)
	}}
}

// CacheInline is the cache in the image that is built, to write.
func CacheInline() BuildCacheEntry { return BuildCacheEntry{Type: "inline"} }

// BuildSecret returns a secret, of at most 500 kB, each time that a step asks for it. It
// may be called from several goroutines at once.
type BuildSecret func(ctx context.Context) ([]byte, error)

// BuildSecretFile is the content of a local file.
func BuildSecretFile(name string) BuildSecret { return BuildSecret(buildkit.FileSecret(name)) }

// BuildSecretEnv is the value of a variable of this process's environment. One that is not
// set is errdefs.ErrNotFound and fails the build.
func BuildSecretEnv(name string) BuildSecret { return BuildSecret(buildkit.EnvSecret(name)) }

// BuildSecretBytes is a secret that is at hand.
func BuildSecretBytes(secret []byte) BuildSecret {
	return func(context.Context) ([]byte, error) { return secret, nil }
}

// BuildAgent opens a connection to an ssh agent, each time that a step does. Where the
// connection has CloseWrite() error, that ends the writing.
type BuildAgent func(ctx context.Context) (io.ReadWriteCloser, error)

// BuildSSHAgent is the ssh agent that listens at a socket; empty is SSH_AUTH_SOCK.
func BuildSSHAgent(socket string) BuildAgent { return BuildAgent(buildkit.AgentSocket(socket)) }

// BuildSSHKeys is an agent of its own that signs with private keys: ed25519, ECDSA or RSA
// ones, each a PEM text in the form of OpenSSH or PKCS #8, without a passphrase.
func BuildSSHKeys(pem ...[]byte) (BuildAgent, error) {
	agent, err := buildkit.AgentKeys(pem...)
	return BuildAgent(agent), err
}

// BuildExport is one thing that becomes of a result: an image of the engine, or files and
// archives on this side. Make it with one of the functions Export….
type BuildExport struct {
	kind    string
	receive func(ctx context.Context, archive io.Reader) error
	open    func(ctx context.Context) (io.WriteCloser, error)
	attrs   map[string]string
}

// ExportImage makes an image of the engine, with the tags of the options. It is what a
// build does that has no exports.
func ExportImage() BuildExport { return BuildExport{kind: "moby"} }

// ExportDir writes the files of the result into a local directory, which is made where it is
// missing, and never outside of it. What is there stays, save for files of the same names.
func ExportDir(dir string) BuildExport {
	return BuildExport{kind: "local", receive: buildkit.ToDir(dir)}
}

// ExportTar writes the files of the result as a tar archive. The writer is not closed.
func ExportTar(w io.Writer) BuildExport { return exportTo("tar", w) }

// ExportOCI writes the image as an OCI archive, which needs the containerd image store. The
// writer is not closed.
func ExportOCI(w io.Writer) BuildExport { return exportTo("oci", w) }

// ExportDocker writes the image as an archive for [Client.ImageLoad], which needs the
// containerd image store. The writer is not closed.
func ExportDocker(w io.Writer) BuildExport { return exportTo("docker", w) }

func exportTo(kind string, w io.Writer) BuildExport {
	return BuildExport{kind: kind, open: func(context.Context) (io.WriteCloser, error) { return keptOpen{w}, nil }}
}

// WithAttrs returns the export with more attributes, as BuildKit's exporters name them,
// such as "compression".
func (e BuildExport) WithAttrs(attrs map[string]string) BuildExport {
	all := make(map[string]string, len(e.attrs)+len(attrs))
	for _, from := range []map[string]string{e.attrs, attrs} {
		for key, v := range from {
			all[key] = v
		}
	}
	e.attrs = all
	return e
}

type keptOpen struct{ io.Writer }

func (keptOpen) Close() error { return nil }
