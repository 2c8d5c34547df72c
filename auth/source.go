package auth

import "context"

// Source finds the credentials of registries. It is safe for concurrent use.
type Source interface {
	// Credentials returns those of the registry with this authority, as it stands in a
	// reference: "registry.example.com:5000"; Docker Hub is "docker.io". Where the source
	// has none they are zero, which is no error.
	Credentials(ctx context.Context, registry string) (Credentials, error)
}

// Static is a source of credentials that are at hand, by the authority of their registry.
type Static map[string]Credentials

// Credentials returns those of exactly this authority.
func (s Static) Credentials(_ context.Context, registry string) (Credentials, error) {
	return s[registry], nil
}
