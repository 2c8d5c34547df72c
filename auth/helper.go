package auth

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// Helper is a credential helper as a [Store]: the program docker-credential-NAME, found in
// PATH, as "pass" or "osxkeychain". It runs without a shell, in a process group of its
// own, and within the context: at its end the whole group is killed.
type Helper string

const (
	tokenUser  = "<token>" // the user name of an identity token
	notFound   = "credentials not found in native keychain"
	helperWait = 500 * time.Millisecond // for output that someone else holds open
)

// secret is the protocol's message.
type secret struct{ ServerURL, Username, Secret string }

// Credentials asks the helper for those of a registry. One that does not know it has none.
func (h Helper) Credentials(ctx context.Context, registry string) (Credentials, error) {
	registry = authority(registry)
	text, err := h.run(ctx, "get", address(registry))
	if errors.Is(err, errUnknown) {
		return Credentials{}, nil
	}
	if err != nil {
		return Credentials{}, err
	}
	var s secret
	if json.Unmarshal(text, &s) != nil {
		return Credentials{}, fmt.Errorf("the credential helper %q answers with something else than credentials", h)
	}
	if s == (secret{}) {
		return Credentials{}, nil
	}
	c := Credentials{Username: s.Username, Password: s.Secret, ServerAddress: address(registry)}
	if s.Username == tokenUser {
		c.Username, c.Password, c.IdentityToken = "", "", s.Secret
	}
	return c, nil
}

// All lists what the helper has and asks for each.
func (h Helper) All(ctx context.Context) (map[string]Credentials, error) {
	text, err := h.run(ctx, "list", "")
	if err != nil {
		return nil, err
	}
	var users map[string]string
	if json.Unmarshal(text, &users) != nil {
		return nil, fmt.Errorf("the credential helper %q lists something else than registries", h)
	}
	all := make(map[string]Credentials)
	for key := range users {
		registry := authority(key)
		if _, done := all[registry]; done {
			continue
		}
		found, failed := h.Credentials(ctx, registry)
		if found != (Credentials{}) {
			all[registry] = found
		}
		err = errors.Join(err, failed)
	}
	return all, err
}

// Store hands credentials to the helper.
func (h Helper) Store(ctx context.Context, c Credentials) error {
	s := secret{address(authority(c.ServerAddress)), c.Username, c.Password}
	if c.IdentityToken != "" {
		s.Username, s.Secret = tokenUser, c.IdentityToken
	}
	text, err := json.Marshal(s)
	if err == nil {
		_, err = h.run(ctx, "store", string(text))
	}
	return err
}

// Erase has the helper forget those of a registry.
func (h Helper) Erase(ctx context.Context, registry string) error {
	_, err := h.run(ctx, "erase", address(authority(registry)))
	if errors.Is(err, errUnknown) {
		return nil
	}
	return err
}

var errUnknown = errors.New(notFound)

// run runs the helper once.
func (h Helper) run(ctx context.Context, action, input string) ([]byte, error) {
	if !h.valid() {
		return nil, fmt.Errorf("the credential helper's name %q is not valid", h)
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	bounded, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	cmd := exec.CommandContext(bounded, "docker-credential-"+string(h), action)
	out := &limited{full: func() { stop(errFlood) }}
	words := &limited{full: func() {}}
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), out, words
	cmd.WaitDelay = helperWait
	ownGroup(cmd)
	err := cmd.Run()
	endGroup(cmd)
	switch {
	case ctx.Err() != nil:
		return nil, fmt.Errorf("the credential helper %q did not answer to %s: %w", h, action, context.Cause(ctx))
	case context.Cause(bounded) == errFlood:
		return nil, fmt.Errorf("the credential helper %q %w", h, errFlood)
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return out.text.Bytes(), nil
	default:
		return nil, h.failed(action, err, out.text.String(), words.text.String())
	}
}

var errFlood = fmt.Errorf("writes more than %d bytes", maxFile)

func (h Helper) valid() bool {
	if h == "" || h[0] == '-' || h[0] == '.' {
		return false
	}
	return !strings.ContainsFunc(string(h), func(c rune) bool {
		return !('a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.ContainsRune("._-", c))
	})
}

// failed makes the error of a helper, whose output is then what it has to say. Where that
// looks like credentials, it is not told.
func (h Helper) failed(action string, err error, out, words string) error {
	out = strings.TrimSpace(out)
	if out == notFound {
		return errUnknown
	}
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("the credential helper %q: there is no program docker-credential-%s in PATH", h, h)
	}
	if out == "" {
		out = strings.TrimSpace(words)
	}
	out, _, _ = strings.Cut(out, "\n")
	if strings.ContainsAny(out, "{}") || len(out) > 500 {
		out = "(its output is not shown)"
	}
	return fmt.Errorf("the credential helper %q cannot %s: %w: %s", h, action, err, out)
}

// limited keeps what is written, up to a limit.
type limited struct {
	text bytes.Buffer
	full func() // is called beyond
}

func (l *limited) Write(p []byte) (int, error) {
	if l.text.Len()+len(p) > maxFile {
		l.full()
		return 0, errFlood
	}
	return l.text.Write(p)
}
