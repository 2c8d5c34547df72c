package docker

import (
	"context"
	"errors"
	"strings"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
)

// WithCredentials sets where calls find the credentials of a registry when their options
// give none: by default [auth.Default], which is what the docker command uses. With nil
// such calls are anonymous. The source is asked at each call, and once more
// where the registry refuses: what it has then is tried if it is something else.
func WithCredentials(source auth.Source) Option {
	return func(s *settings) error {
		s.credentials, s.anonymous = source, source == nil
		return nil
	}
}

// registryAuth is the header in which an engine is handed the credentials of one registry.
const registryAuth = "X-Registry-Auth"

// authorize hands the engine the credentials for a registry: those that the caller gives,
// or else what the client's source has when the request is sent.
func (c *Client) authorize(r *request, registry string, given *auth.Credentials) {
	r.registry = true
	switch {
	case given == nil && c.credentials != nil && r.err == nil:
		r.findAuth = func(ctx context.Context) (string, error) {
			found, err := c.credentials.Credentials(ctx, registry)
			return headerOf(found), err
		}
	case given != nil:
		r.setHeader(registryAuth, headerOf(*given))
	}
}

// headerOf is the header of credentials, empty where they are anonymous.
func headerOf(c auth.Credentials) string {
	if c == (auth.Credentials{}) {
		return ""
	}
	return c.Header()
}

// authorized sets the header of credentials that are found only now, the first time.
func (r *request) authorized(ctx context.Context) error {
	if r.findAuth == nil || r.asked {
		return nil
	}
	header, err := r.findAuth(ctx)
	if err != nil {
		return err
	}
	r.asked = true
	r.setHeader(registryAuth, header)
	return r.err
}

// renewed tells whether r is to be sent again after the error of a registry: once, where
// the source has other credentials by now.
func (r *request) renewed(ctx context.Context, err error) bool {
	if r.findAuth == nil || r.body != nil || !denied(err) {
		return false
	}
	find := r.findAuth
	r.findAuth = nil
	header, failed := find(ctx)
	if failed != nil || header == "" || header == r.header.Get(registryAuth) {
		return false
	}
	r.setHeader(registryAuth, header)
	return r.err == nil
}

// denied tells whether a registry wants other credentials. Some engines say so in words
// alone, or call what may not be seen missing.
func denied(err error) bool {
	if errors.Is(err, errdefs.ErrUnauthenticated) || errors.Is(err, errdefs.ErrPermissionDenied) {
		return true
	}
	e, ok := errors.AsType[*Error](err)
	if !ok || e.class != errdefs.ErrRefused {
		return false
	}
	kind := streamKind(e.Message)
	return kind == errdefs.ErrUnauthenticated || kind == errdefs.ErrPermissionDenied
}

// hubKey is what engines know the credentials of Docker Hub by.
const hubKey = "https://index.docker.io/v1/"

// registryConfig returns X-Registry-Config for a build, which pulls from registries that
// nobody knows before: the credentials that the caller gives by authority, or else
// all that the client's source can list. Entries that cannot be read are left out.
func (c *Client) registryConfig(ctx context.Context, given map[string]auth.Credentials) (string, error) {
	if lister, ok := c.credentials.(auth.Lister); ok && given == nil {
		found, err := lister.All(ctx)
		if err != nil && ctx.Err() != nil {
			return "", errdefs.Cancelled(ctx)
		}
		given = found
	}
	byHost := make(map[string]auth.Credentials, len(given))
	for registry, credentials := range given {
		if registry == "docker.io" {
			registry = hubKey
		}
		byHost[strings.TrimSpace(registry)] = credentials
	}
	return auth.ConfigHeader(byHost), nil
}
