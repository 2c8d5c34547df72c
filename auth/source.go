package auth

import (
	"context"
	"errors"
	"maps"
	"strings"
)

// Source finds the credentials of registries. It is safe for concurrent use.
type Source interface {
	// Credentials returns those of the registry with this authority, as it stands in a
	// reference: "registry.example.com:5000"; Docker Hub is "docker.io". Where the source
	// has none they are zero, which is no error.
	Credentials(ctx context.Context, registry string) (Credentials, error)
}

// Lister is a [Source] that can tell all that it has, for builds: what they pull is not
// known before.
type Lister interface {
	Source
	// All returns the credentials by authority. An error tells of entries that could not
	// be read; the others are returned beside it.
	All(ctx context.Context) (map[string]Credentials, error)
}

// Store is a [Lister] that keeps what it is given.
type Store interface {
	Lister
	// Store keeps credentials under their ServerAddress, Docker Hub where that is empty.
	Store(ctx context.Context, c Credentials) error
	// Erase forgets those of a registry. Where there are none it is no error.
	Erase(ctx context.Context, registry string) error
}

// Static is a source of credentials that are at hand, by the authority of their registry.
type Static map[string]Credentials

// Credentials returns those of exactly this authority.
func (s Static) Credentials(_ context.Context, registry string) (Credentials, error) {
	return s[registry], nil
}

// All returns a copy of the map.
func (s Static) All(context.Context) (map[string]Credentials, error) { return maps.Clone(s), nil }

// Chain asks its sources one after the other and takes what the first one has.
type Chain []Source

// Credentials returns those of the first source that has any, or the first error.
func (chain Chain) Credentials(ctx context.Context, registry string) (Credentials, error) {
	for _, source := range chain {
		found, err := source.Credentials(ctx, registry)
		if err != nil || found != (Credentials{}) {
			return found, err
		}
	}
	return Credentials{}, nil
}

// All returns what those sources have that can list it.
func (chain Chain) All(ctx context.Context) (map[string]Credentials, error) {
	all, failed := make(map[string]Credentials), error(nil)
	for i := len(chain) - 1; i >= 0; i-- {
		lister, ok := chain[i].(Lister)
		if !ok {
			continue
		}
		found, err := lister.All(ctx)
		maps.Copy(all, found)
		failed = errors.Join(failed, err)
	}
	return all, failed
}

const (
	hub      = "docker.io"
	hubIndex = "https://index.docker.io/v1/" // what files and helpers know it by
)

// Registry returns the authority of the registry that an image's name is of, tag and
// digest or not: "docker.io" where it names none.
func Registry(image string) string {
	host, _, ok := strings.Cut(image, "/")
	if !ok || !strings.ContainsAny(host, ".:") && host != "localhost" && strings.ToLower(host) == host {
		return hub
	}
	return authority(host)
}

// authority is the registry that a key of a file or a helper means: an authority, or an
// old URL. All names of Docker Hub are one.
func authority(key string) string {
	if key == "" {
		return hub
	}
	host := key
	for _, scheme := range []string{"https://", "http://"} {
		if rest, ok := strings.CutPrefix(key, scheme); ok {
			host = rest
		}
	}
	switch host, _, _ = strings.Cut(host, "/"); host {
	case "docker.io", "index.docker.io", "registry-1.docker.io":
		return hub
	case "":
		return key // is of none
	}
	return host
}
