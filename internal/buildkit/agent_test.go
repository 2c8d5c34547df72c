package buildkit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/cleat-go/docker/errdefs"
)

func pemOf(t testing.TB, key any) []byte {
	text, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

func TestKeys(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	ec, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	require.NoError(t, err)
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	for _, key := range []any{ed, ec, rs} {
		_, err := AgentKeys(pemOf(t, key))
		require.NoError(t, err)
	}
	old := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(rs)})
	_, err = AgentKeys(old)
	require.NoError(t, err)
	p224, err := ecdsa.GenerateKey(elliptic.P224(), rand.Reader)
	require.NoError(t, err)
	for name, c := range map[string]struct {
		text []byte
		is   error
	}{
		"curve": {pemOf(t, p224), errors.ErrUnsupported}, "text": {[]byte("x"), errMalformedKey}, "nothing": {nil, errMalformedKey},
		"encrypted":     {pem.EncodeToMemory(&pem.Block{Type: "ENCRYPTED PRIVATE KEY", Bytes: []byte("x")}), errPassphrase},
		"old encrypted": {pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Headers: map[string]string{"DEK-Info": "x"}}), errPassphrase},
		"certificate":   {pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")}), errMalformedKey},
		"openssh":       {pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: []byte("x")}), errdefs.ErrInvalidArgument},
	} {
		_, err := AgentKeys(pemOf(t, ed), c.text)
		require.ErrorIs(t, err, c.is, name)
		require.ErrorContains(t, err, "the ssh key 2 of 2", name)
	}
}

// The keys of ssh-keygen, and what ssh-add says of them.
func TestKeysOfOpenSSH(t *testing.T) {
	dir := sshKeys(t)
	for _, name := range []string{"ed25519", "ecdsa", "rsa"} {
		text := readAll(t, dir, name)[0]
		key, err := parseKey(text)
		require.NoError(t, err, name)
		require.Equal(t, name+"@test", key.comment)
		block, _ := pem.Decode(text)
		for cut := range block.Bytes {
			_, err := parseOpenSSH(block.Bytes[:cut])
			require.Error(t, err, "%s cut at %d of %d", name, cut, len(block.Bytes))
			if cut >= len(block.Bytes)-20 {
				break
			}
		}
	}
	file := filepath.Join(dir, "locked")
	require.NoError(t, exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", file).Run())
	text, err := os.ReadFile(file)
	require.NoError(t, err)
	_, err = AgentKeys(text)
	require.ErrorIs(t, err, errPassphrase)
}

func TestAgentAnswers(t *testing.T) {
	_, ed, err := ed25519.GenerateKey(nil)
	require.NoError(t, err)
	agent, err := AgentKeys(pemOf(t, ed))
	require.NoError(t, err)
	ask := func(request []byte) []byte {
		conn, err := agent(t.Context())
		require.NoError(t, err)
		defer conn.Close()
		go func() {
			conn.Write(request)
			conn.(*agentConn).CloseWrite()
		}()
		answer, err := io.ReadAll(conn)
		if err != nil {
			return nil
		}
		return answer
	}
	key, err := newKey(ed, "")
	require.NoError(t, err)
	sign := appendText(appendText([]byte{agentRequestSignature}, key.public), []byte("data"))
	sign = append(sign, 0, 0, 0, 0)
	w := wire{rest: ask(appendText(nil, sign))}
	w.text()
	answer := wire{rest: ask(appendText(nil, sign))[5:]}
	signature := wire{rest: answer.text()}
	require.Equal(t, "ssh-ed25519", string(signature.text()))
	require.True(t, ed25519.Verify(ed.Public().(ed25519.PublicKey), []byte("data"), signature.text()))
	failed := appendText(nil, []byte{agentFailure})
	require.Equal(t, failed, ask(appendText(nil, []byte{200})))
	require.Equal(t, failed, ask(appendText(nil, []byte{agentRequestSignature, 0, 0, 0, 9})))
	require.Equal(t, failed, ask(appendText(nil, appendText([]byte{agentRequestSignature}, []byte("other")))))
	require.Equal(t, bytes.Repeat(failed, 3), ask(bytes.Repeat(appendText(nil, []byte{1}), 3)))
	for _, broken := range [][]byte{{0, 0, 0, 0}, {255, 255, 255, 255, 1}, {0, 0, 0, 5, 1}} {
		require.Nil(t, ask(broken))
	}
	require.Empty(t, ask(nil))
}

func FuzzKeys(f *testing.F) {
	_, ed, _ := ed25519.GenerateKey(nil)
	f.Add(pemOf(f, ed))
	private := appendText(appendText(appendText([]byte("12341234"), []byte("ssh-ed25519")), nil), ed)
	private = appendText(private, []byte("comment"))
	open := append([]byte(openSSHMagic), appendText(appendText(appendText(nil, []byte("none")), []byte("none")), nil)...)
	open = appendText(appendText(append(open, 0, 0, 0, 1), []byte("public")), private)
	f.Add(pem.EncodeToMemory(&pem.Block{Type: "OPENSSH PRIVATE KEY", Bytes: open}))
	if _, err := parseOpenSSH(open); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		parseKey(text)
		parseOpenSSH(append([]byte(openSSHMagic), text...))
		parsePrivate(text)
		keyring{}.answer(append([]byte{agentRequestSignature}, text...))
	})
}
