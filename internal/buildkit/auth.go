package buildkit

import (
	"context"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/cleat-go/docker/auth"
	"github.com/cleat-go/docker/errdefs"
)

// authority hands out what a registry asks for. Where there are credentials it fetches the
// registry's tokens itself, so that a password is sent to registries that know nothing
// else only. The engine keeps a token for further builds and has each of them prove, by
// a signature, that it has the same credentials.
type authority struct {
	source auth.Source

	mu    sync.Mutex
	known map[string]auth.Credentials // by the authority of the registry
}

func newAuthority(source auth.Source) *authority {
	if source == nil {
		source = auth.Static(nil)
	}
	return &authority{source: source, known: make(map[string]auth.Credentials)}
}

func (a *authority) methods() map[string]method {
	return map[string]method{
		"Credentials":          unary(a.credentials).serve,
		"GetTokenAuthority":    unary(a.publicKey).serve,
		"VerifyTokenAuthority": unary(a.verify).serve,
		"FetchToken":           unary(a.fetchToken).serve,
	}
}

// hub is the authority of Docker Hub, which engines call by the names of its hosts.
const hub = "docker.io"

func registryOf(host string) string {
	switch host {
	case "registry-1.docker.io", "index.docker.io", "https://index.docker.io/v1/":
		return hub
	}
	return host
}

// find returns the credentials of the registry at a host, asking the source but once.
func (a *authority) find(ctx context.Context, host string) (auth.Credentials, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	registry := registryOf(host)
	if c, ok := a.known[registry]; ok {
		return c, nil
	}
	c, err := a.source.Credentials(ctx, registry)
	if err != nil {
		return c, &sourceError{"the credentials of " + registry, err}
	}
	a.known[registry] = c
	return c, nil
}

// credentials answers with a user and a password, or with an identity token alone. That
// there are none is an empty answer.
func (a *authority) credentials(ctx context.Context, request []byte) (message, error) {
	host, err := textField(request, 1)
	if err != nil {
		return nil, err
	}
	c, err := a.find(ctx, host)
	if err != nil {
		return nil, err
	}
	if c.IdentityToken != "" {
		return message(nil).text(2, c.IdentityToken), nil
	}
	return message(nil).text(1, c.Username).text(2, c.Password), nil
}

// tokenRequest is what the calls about tokens ask for.
type tokenRequest struct {
	clientID, host, realm, service string
	scopes                         []string
	salt, payload                  []byte
}

// errNoAuthority sends the engine to Credentials.
var errNoAuthority = &Error{Code: codeUnimplemented, Message: "no credentials for tokens"}

// publicKey is by what the engine knows these credentials again.
func (a *authority) publicKey(ctx context.Context, request []byte) (message, error) {
	var r tokenRequest
	f := fields{rest: request}
	for f.next() {
		switch f.number {
		case 1:
			r.host = f.text()
		case 2:
			r.salt = f.data
		}
	}
	key, err := a.key(ctx, &r, f.err)
	if err != nil {
		return nil, err
	}
	return message(nil).bytes(1, key.Public().(ed25519.PublicKey)), nil
}

// verify signs what the engine has made up. The signature stands before it.
func (a *authority) verify(ctx context.Context, request []byte) (message, error) {
	var r tokenRequest
	f := fields{rest: request}
	for f.next() {
		switch f.number {
		case 1:
			r.host = f.text()
		case 2:
			r.payload = f.data
		case 3:
			r.salt = f.data
		}
	}
	key, err := a.key(ctx, &r, f.err)
	if err != nil {
		return nil, err
	}
	return message(nil).bytes(1, append(ed25519.Sign(key, r.payload), r.payload...)), nil
}

// processSeed makes the keys those of this process: nobody can tell a password by its key.
var processSeed = sync.OnceValue(func() []byte {
	seed := make([]byte, sha256.Size)
	rand.Read(seed)
	return seed
})

// key is made of the credentials too: others do not get the tokens of these.
func (a *authority) key(ctx context.Context, r *tokenRequest, err error) (ed25519.PrivateKey, error) {
	if err != nil {
		return nil, err
	}
	c, err := a.find(ctx, r.host)
	if err != nil {
		return nil, err
	}
	if c.IdentityToken == "" && c.RegistryToken == "" && c.Password == "" {
		return nil, errNoAuthority
	}
	mac := hmac.New(sha256.New, processSeed())
	for _, part := range []string{r.host, string(r.salt), c.Username, c.Password, c.IdentityToken, c.RegistryToken} {
		fmt.Fprintf(mac, "%d:%s", len(part), part)
	}
	return ed25519.NewKeyFromSeed(mac.Sum(nil)), nil
}

// fetchToken gets a token for the engine from the registry's token server.
func (a *authority) fetchToken(ctx context.Context, request []byte) (message, error) {
	var r tokenRequest
	f := fields{rest: request}
	for f.next() {
		switch f.number {
		case 1:
			r.clientID = f.text()
		case 2:
			r.host = f.text()
		case 3:
			r.realm = f.text()
		case 4:
			r.service = f.text()
		case 5:
			r.scopes = append(r.scopes, f.text())
		}
	}
	if f.err != nil {
		return nil, f.err
	}
	c, err := a.find(ctx, r.host)
	if err != nil {
		return nil, err
	}
	if c.RegistryToken != "" {
		return message(nil).text(1, c.RegistryToken), nil
	}
	t, err := r.fetch(ctx, c)
	if err != nil {
		return nil, &sourceError{"a token for " + r.host, err}
	}
	return message(nil).text(1, t.token).number(2, uint64(t.lifetime)).number(3, uint64(t.issued.Unix())), nil
}

type token struct {
	token    string
	lifetime int // seconds
	issued   time.Time
}

// fetch asks the token server: by POST with an identity token, by GET with a password.
func (r *tokenRequest) fetch(ctx context.Context, c auth.Credentials) (*token, error) {
	realm, err := r.server()
	if err != nil {
		return nil, err
	}
	query := realm.Query()
	if r.service != "" {
		query.Set("service", r.service)
	}
	if c.IdentityToken != "" {
		query.Set("scope", strings.Join(r.scopes, " "))
		query.Set("grant_type", "refresh_token")
		query.Set("refresh_token", c.IdentityToken)
		query.Set("client_id", r.client())
		return exchange(ctx, http.MethodPost, realm, query.Encode(), auth.Credentials{})
	}
	for _, scope := range r.scopes {
		query.Add("scope", scope)
	}
	query.Set("client_id", r.client())
	if c.Username != "" {
		query.Set("account", c.Username)
	}
	realm.RawQuery = query.Encode()
	return exchange(ctx, http.MethodGet, realm, "", c)
}

func (r *tokenRequest) client() string {
	if r.clientID == "" {
		return "cleat"
	}
	return r.clientID
}

// server is the token server. Credentials go there without encryption for a registry on
// the engine's own machine only.
func (r *tokenRequest) server() (*url.URL, error) {
	realm, err := url.Parse(r.realm)
	if err != nil || realm.Host == "" || realm.User != nil {
		return nil, fmt.Errorf("the registry names no token server: %w", errdefs.ErrInvalidArgument)
	}
	if realm.Scheme == "https" || realm.Scheme == "http" && isLoopback(r.host) {
		realm.Fragment = ""
		return realm, nil
	}
	return nil, fmt.Errorf("the token server at %q is not one of https: %w", realm.Host, errdefs.ErrInvalidArgument)
}

func isLoopback(host string) bool {
	name, _, err := net.SplitHostPort(host)
	if err != nil {
		name = host
	}
	ip := net.ParseIP(strings.Trim(name, "[]"))
	return name == "localhost" || ip != nil && ip.IsLoopback()
}

const (
	tokenTimeout = time.Minute
	maxToken     = 1 << 20
)

// exchange sends a request for a token. Redirects are not followed.
func exchange(ctx context.Context, method string, server *url.URL, form string, c auth.Credentials) (*token, error) {
	ctx, cancel := context.WithTimeout(ctx, tokenTimeout)
	defer cancel()
	req := (&http.Request{Method: method, URL: server, Header: make(http.Header)}).WithContext(ctx)
	if form != "" {
		req.Body, req.ContentLength = io.NopCloser(strings.NewReader(form)), int64(len(form))
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	} else {
		req.SetBasicAuth(c.Username, c.Password)
	}
	once := http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}
	resp, err := once.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxToken))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the token server at %q: %s: %w", req.URL.Host, resp.Status, statusKind(resp.StatusCode))
	}
	return decodeToken(text)
}

// statusKind is that of a refusal.
func statusKind(status int) error {
	if kind := errdefs.FromStatus(status); kind != nil {
		return kind
	}
	return errdefs.ErrInternal
}

func decodeToken(text []byte) (*token, error) {
	var answer struct {
		Token       string    `json:"token"`
		AccessToken string    `json:"access_token"`
		ExpiresIn   int       `json:"expires_in"`
		IssuedAt    time.Time `json:"issued_at"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return nil, errors.New("the token server's answer is not JSON")
	}
	t := &token{answer.Token, answer.ExpiresIn, answer.IssuedAt}
	if t.token == "" {
		t.token = answer.AccessToken
	}
	if t.token == "" {
		return nil, errors.New("the token server's answer has no token")
	}
	if t.lifetime <= 0 {
		t.lifetime = 60 // as the registries' protocol says
	}
	if t.issued.IsZero() {
		t.issued = time.Now()
	}
	return t, nil
}
