package buildkit

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"

	"github.com/cleat-go/docker/errdefs"
)

var (
	errMalformedKey = fmt.Errorf("not a private key that can be read: %w", errdefs.ErrInvalidArgument)
	errPassphrase   = fmt.Errorf("it has a passphrase; add it to an ssh agent: %w", errors.ErrUnsupported)
)

// parseKey reads a private key. Its errors tell nothing of it.
func parseKey(text []byte) (*sshKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errMalformedKey
	}
	if block.Headers["DEK-Info"] != "" {
		return nil, errPassphrase
	}
	switch block.Type {
	case "OPENSSH PRIVATE KEY":
		return parseOpenSSH(block.Bytes)
	case "ENCRYPTED PRIVATE KEY":
		return nil, errPassphrase
	}
	for _, parse := range []func([]byte) (any, error){
		x509.ParsePKCS8PrivateKey,
		func(b []byte) (any, error) { return x509.ParsePKCS1PrivateKey(b) },
		func(b []byte) (any, error) { return x509.ParseECPrivateKey(b) },
	} {
		if key, err := parse(block.Bytes); err == nil {
			return newKey(key, "")
		}
	}
	return nil, errMalformedKey
}

const openSSHMagic = "openssh-key-v1\x00"

// parseOpenSSH reads the form of ssh-keygen: a cipher, public keys, private keys.
func parseOpenSSH(b []byte) (*sshKey, error) {
	rest, ok := bytes.CutPrefix(b, []byte(openSSHMagic))
	if !ok {
		return nil, errMalformedKey
	}
	w := wire{rest: rest}
	cipher, kdf, _ := w.text(), w.text(), w.text()
	keys := w.number()
	w.text()
	private := w.text()
	switch {
	case w.err != nil || keys != 1:
		return nil, errMalformedKey
	case string(cipher) != "none" || string(kdf) != "none":
		return nil, errPassphrase
	}
	return parsePrivate(private)
}

// parsePrivate reads one private key, which stands after a number that comes twice.
func parsePrivate(b []byte) (*sshKey, error) {
	w := wire{rest: b}
	if first, second := w.number(), w.number(); first != second {
		return nil, errMalformedKey
	}
	var key any
	switch kind := string(w.text()); kind {
	case "ssh-ed25519":
		w.text()
		if private := w.text(); len(private) == ed25519.PrivateKeySize {
			key = ed25519.NewKeyFromSeed(private[:ed25519.SeedSize])
		}
	case "ssh-rsa":
		key = w.rsa()
	case "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521":
		key = w.ecdsa()
	default:
		return nil, fmt.Errorf("neither ed25519, ECDSA nor RSA: %w", errors.ErrUnsupported)
	}
	comment := string(w.text())
	if w.err != nil || key == nil {
		return nil, errMalformedKey
	}
	return newKey(key, comment)
}

func (w *wire) rsa() any {
	n, e, d := w.int(), w.int(), w.int()
	w.text()
	p, q := w.int(), w.int()
	if w.err != nil || n.BitLen() > 16<<10 || !e.IsInt64() || e.Int64() > 1<<31-1 {
		return nil
	}
	key := &rsa.PrivateKey{PublicKey: rsa.PublicKey{N: n, E: int(e.Int64())}, D: d, Primes: []*big.Int{p, q}}
	if key.Validate() != nil {
		return nil
	}
	key.Precompute()
	return key
}

func (w *wire) ecdsa() any {
	name := string(w.text())
	w.text()
	scalar := w.int()
	for _, curve := range []elliptic.Curve{elliptic.P256(), elliptic.P384(), elliptic.P521()} {
		if curveName(curve) != name || w.err != nil {
			continue
		}
		if size := (curve.Params().BitSize + 7) / 8; scalar.BitLen() <= 8*size {
			if key, err := ecdsa.ParseRawPrivateKey(curve, scalar.FillBytes(make([]byte, size))); err == nil {
				return key
			}
		}
	}
	return nil
}
