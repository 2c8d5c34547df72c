package auth

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

const canary = "s3cr3t-canary"

func TestNothingSecretPrints(t *testing.T) {
	c := Credentials{Username: "u", Password: canary, IdentityToken: canary, RegistryToken: canary, ServerAddress: "r.example"}
	holder := struct {
		Auth  Credentials
		Ptr   *Credentials
		Many  map[string]Credentials
		Slice []Credentials
	}{c, &c, map[string]Credentials{"r": c}, []Credentials{c}}
	var out bytes.Buffer
	for _, v := range []any{c, &c, holder, &holder} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d"} {
			fmt.Fprintf(&out, verb+"\n", v)
		}
		text, err := json.Marshal(v)
		require.NoError(t, err)
		out.Write(text)
	}
	slog.New(slog.NewTextHandler(&out, nil)).Info("auth", "c", c, "p", &c, "h", holder)
	slog.New(slog.NewJSONHandler(&out, nil)).Info("auth", "c", c, "p", &c, "h", holder)
	require.NotContains(t, out.String(), canary)
	require.NotContains(t, out.String(), fmt.Sprintf("%x", canary))
	require.Contains(t, out.String(), redacted)
}

// The engine decodes with the URL-safe alphabet and ignores what it cannot decode.
func TestHeaderIsDecodedByTheEnginesAlphabet(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rnd := rand.New(rand.NewPCG(seed, 1))
	for range 20_000 {
		secret := make([]rune, rnd.IntN(40))
		for i := range secret {
			secret[i] = rune(rnd.IntN(0x2000) + 1)
		}
		c := Credentials{Username: "u", Password: string(secret), ServerAddress: "r.example:5000"}
		text, err := base64.URLEncoding.DecodeString(c.Header())
		require.NoError(t, err)
		var got map[string]string
		require.NoError(t, json.Unmarshal(text, &got))
		require.Equal(t, c.Password, got["password"])
		require.Equal(t, "r.example:5000", got["serveraddress"])
	}
}

func TestIdentityTokenStandsAlone(t *testing.T) {
	text, err := base64.URLEncoding.DecodeString(Credentials{IdentityToken: "t"}.Header())
	require.NoError(t, err)
	require.JSONEq(t, `{"identitytoken":"t"}`, string(text))
}

func TestConfigHeader(t *testing.T) {
	require.Empty(t, ConfigHeader(nil))
	text, err := base64.URLEncoding.DecodeString(ConfigHeader(map[string]Credentials{"r.example": {Username: "u", Password: "p"}}))
	require.NoError(t, err)
	require.JSONEq(t, `{"r.example":{"username":"u","password":"p"}}`, string(text))
}
