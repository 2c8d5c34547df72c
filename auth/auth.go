// Package auth holds registry credentials, finds them where the docker command keeps
// them, and writes the two headers in which an engine is handed them.
//
// Credentials never print: formatted with any verb, encoded as JSON or logged with
// slog, they show the registry and the user, and the word REDACTED for the rest.
package auth

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
)

// Credentials are what one registry asks for: a user name with a password, or an
// identity token that was got for them, or a registry token. The zero value is
// anonymous.
type Credentials struct {
	Username      string
	Password      string
	IdentityToken string // in place of the password
	RegistryToken string // a bearer token for the registry itself
	ServerAddress string // of the registry; empty is Docker Hub
}

// wire is the form in which an engine reads them.
type wire struct {
	Username      string `json:"username,omitempty"`
	Password      string `json:"password,omitempty"`
	ServerAddress string `json:"serveraddress,omitempty"`
	IdentityToken string `json:"identitytoken,omitempty"`
	RegistryToken string `json:"registrytoken,omitempty"`
}

// Header returns the value of X-Registry-Auth: base64 in the URL-safe alphabet, padded.
func (c Credentials) Header() string { return encode(c.wire()) }

// Body returns the JSON that POST /auth takes. It holds the secrets.
func (c Credentials) Body() json.RawMessage {
	text, _ := json.Marshal(c.wire()) // strings alone cannot fail
	return text
}

// ConfigHeader returns the value of X-Registry-Config, which hands a build the
// credentials of several registries by host name. Without any it is empty.
func ConfigHeader(byHost map[string]Credentials) string {
	if len(byHost) == 0 {
		return ""
	}
	config := make(map[string]wire, len(byHost))
	for host, c := range byHost {
		config[host] = c.wire()
	}
	return encode(config)
}

func (c Credentials) wire() wire {
	return wire{c.Username, c.Password, c.ServerAddress, c.IdentityToken, c.RegistryToken}
}

func encode(v any) string {
	text, _ := json.Marshal(v) // strings alone cannot fail
	return base64.URLEncoding.EncodeToString(text)
}

const redacted = "REDACTED"

// String names the registry and the user.
func (c Credentials) String() string {
	return fmt.Sprintf("credentials of %q at %q: %s", c.Username, c.ServerAddress, c.secrets())
}

// secrets is empty where there are none.
func (c Credentials) secrets() string {
	if c.Password == "" && c.IdentityToken == "" && c.RegistryToken == "" {
		return "none"
	}
	return redacted
}

// Format writes String under every verb.
func (c Credentials) Format(s fmt.State, _ rune) { io.WriteString(s, c.String()) }

// MarshalJSON encodes what may be shown. For the wire there are Header and Body.
func (c Credentials) MarshalJSON() ([]byte, error) {
	return json.Marshal(map[string]string{
		"username": c.Username, "serveraddress": c.ServerAddress, "secrets": c.secrets(),
	})
}

// LogValue is what slog writes.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }
