package buildkit

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/big"

	"github.com/cleat-go/docker/errdefs"
)

// AgentKeys is an ssh agent of its own that signs with private keys: ed25519, ECDSA or RSA
// ones, each a PEM text in the form of OpenSSH or PKCS #8, without a passphrase.
func AgentKeys(texts ...[]byte) (Agent, error) {
	var k keyring
	for i, text := range texts {
		key, err := parseKey(text)
		if err != nil {
			return nil, fmt.Errorf("the ssh key %d of %d: %w", i+1, len(texts), err)
		}
		k = append(k, key)
	}
	return func(context.Context) (io.ReadWriteCloser, error) {
		requests, toAgent := io.Pipe()
		fromAgent, answers := io.Pipe()
		go func() {
			answers.CloseWithError(k.serve(requests, answers))
			requests.Close()
		}()
		return &agentConn{fromAgent, toAgent}, nil
	}, nil
}

// agentConn is a connection within this process.
type agentConn struct {
	*io.PipeReader
	*io.PipeWriter
}

func (c *agentConn) CloseWrite() error { return c.PipeWriter.Close() }

func (c *agentConn) Close() error { return errors.Join(c.PipeWriter.Close(), c.PipeReader.Close()) }

// The messages of agents that are known here.
const (
	agentFailure          = 5
	agentRequestKeys      = 11
	agentKeys             = 12
	agentRequestSignature = 13
	agentSignature        = 14

	maxAgentMessage = 256 << 10

	signSHA256 = 2 // flags of a request to sign with RSA
	signSHA512 = 4
)

// keyring are the keys of one agent.
type keyring []*sshKey

// serve answers requests until they end.
func (k keyring) serve(requests io.Reader, answers io.Writer) error {
	for {
		var size [4]byte
		if _, err := io.ReadFull(requests, size[:]); err != nil {
			return err
		}
		n := binary.BigEndian.Uint32(size[:])
		if n == 0 || n > maxAgentMessage {
			return errMalformed
		}
		request := make([]byte, n)
		if _, err := io.ReadFull(requests, request); err != nil {
			return err
		}
		if _, err := answers.Write(appendText(nil, k.answer(request))); err != nil {
			return err
		}
	}
}

func (k keyring) answer(request []byte) []byte {
	switch request[0] {
	case agentRequestKeys:
		answer := binary.BigEndian.AppendUint32([]byte{agentKeys}, uint32(len(k)))
		for _, key := range k {
			answer = appendText(appendText(answer, key.public), []byte(key.comment))
		}
		return answer
	case agentRequestSignature:
		if signature, err := k.sign(request[1:]); err == nil {
			return appendText([]byte{agentSignature}, signature)
		}
	}
	return []byte{agentFailure}
}

func (k keyring) sign(request []byte) ([]byte, error) {
	r := wire{rest: request}
	public, data, flags := r.text(), r.text(), r.number()
	if r.err != nil {
		return nil, r.err
	}
	for _, key := range k {
		if string(key.public) == string(public) {
			return key.sign(data, flags)
		}
	}
	return nil, errdefs.ErrNotFound
}

// sshKey is a private key with its public half in the form of the wire.
type sshKey struct {
	signer  crypto.Signer
	public  []byte
	comment string
}

// newKey makes a key of what the standard library has parsed.
func newKey(private any, comment string) (*sshKey, error) {
	k := &sshKey{comment: comment}
	switch p := private.(type) {
	case ed25519.PrivateKey:
		k.signer = p
		k.public = appendText(appendText(nil, []byte("ssh-ed25519")), p.Public().(ed25519.PublicKey))
	case *rsa.PrivateKey:
		k.signer = p
		k.public = appendText(nil, []byte("ssh-rsa"))
		k.public = appendInt(appendInt(k.public, big.NewInt(int64(p.E))), p.N)
	case *ecdsa.PrivateKey:
		name := curveName(p.Curve)
		if name == "" {
			return nil, fmt.Errorf("an unknown curve: %w", errors.ErrUnsupported)
		}
		point, err := p.PublicKey.Bytes()
		if err != nil {
			return nil, err
		}
		k.signer = p
		k.public = appendText(appendText(appendText(nil, []byte("ecdsa-sha2-"+name)), []byte(name)), point)
	default:
		return nil, fmt.Errorf("neither ed25519, ECDSA nor RSA: %w", errors.ErrUnsupported)
	}
	return k, nil
}

// curveName is what ssh calls a curve; empty where it knows it not.
func curveName(c elliptic.Curve) string {
	switch c {
	case elliptic.P256():
		return "nistp256"
	case elliptic.P384():
		return "nistp384"
	case elliptic.P521():
		return "nistp521"
	}
	return ""
}

// sign makes a signature in the form of the wire.
func (k *sshKey) sign(data []byte, flags uint32) ([]byte, error) {
	switch p := k.signer.(type) {
	case *rsa.PrivateKey:
		return signRSA(p, data, flags)
	case *ecdsa.PrivateKey:
		r, s, err := ecdsa.Sign(rand.Reader, p, curveDigest(p.Curve, data))
		if err != nil {
			return nil, err
		}
		return appendText(appendText(nil, []byte("ecdsa-sha2-"+curveName(p.Curve))), appendInt(appendInt(nil, r), s)), nil
	default:
		signature, err := k.signer.Sign(rand.Reader, data, crypto.Hash(0))
		return appendText(appendText(nil, []byte("ssh-ed25519")), signature), err
	}
}

// signRSA uses no SHA-1, which the oldest servers alone would ask for.
func signRSA(p *rsa.PrivateKey, data []byte, flags uint32) ([]byte, error) {
	name, hash := "", crypto.Hash(0)
	var sum []byte
	switch {
	case flags&signSHA512 != 0:
		s := sha512.Sum512(data)
		name, hash, sum = "rsa-sha2-512", crypto.SHA512, s[:]
	case flags&signSHA256 != 0:
		s := sha256.Sum256(data)
		name, hash, sum = "rsa-sha2-256", crypto.SHA256, s[:]
	default:
		return nil, errors.ErrUnsupported
	}
	signature, err := rsa.SignPKCS1v15(rand.Reader, p, hash, sum)
	return appendText(appendText(nil, []byte(name)), signature), err
}

func curveDigest(c elliptic.Curve, data []byte) []byte {
	switch c {
	case elliptic.P384():
		s := sha512.Sum384(data)
		return s[:]
	case elliptic.P521():
		s := sha512.Sum512(data)
		return s[:]
	}
	s := sha256.Sum256(data)
	return s[:]
}

func appendText(to, text []byte) []byte {
	return append(binary.BigEndian.AppendUint32(to, uint32(len(text))), text...)
}

// appendInt appends a number that is not negative.
func appendInt(to []byte, n *big.Int) []byte {
	b := n.Bytes()
	if len(b) > 0 && b[0]&0x80 != 0 {
		b = append([]byte{0}, b...)
	}
	return appendText(to, b)
}

// wire reads the forms of ssh.
type wire struct {
	rest []byte
	err  error
}

func (w *wire) number() uint32 {
	if len(w.rest) < 4 {
		w.rest, w.err = nil, errMalformedKey
		return 0
	}
	n := binary.BigEndian.Uint32(w.rest)
	w.rest = w.rest[4:]
	return n
}

func (w *wire) text() []byte {
	n := w.number()
	if uint64(n) > uint64(len(w.rest)) {
		w.rest, w.err = nil, errMalformedKey
		return nil
	}
	text := w.rest[:n]
	w.rest = w.rest[n:]
	return text
}

func (w *wire) int() *big.Int { return new(big.Int).SetBytes(w.text()) }
