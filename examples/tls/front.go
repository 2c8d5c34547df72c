package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"strings"
	"time"
)

// front takes TLS connections on this machine and relays them to an engine.
type front struct {
	host      string
	cert, key []byte // PEM; the certificate is its own authority, and for both sides
}

func newFront(engine string) (*front, error) {
	cert, key, err := selfSigned()
	if err != nil {
		return nil, err
	}
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return nil, err
	}
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM(cert)
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{pair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	if err != nil {
		return nil, err
	}
	go relay(l, engine)
	return &front{"tcp://" + l.Addr().String(), cert, key}, nil
}

func selfSigned() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		NotBefore:    time.Now().Add(-time.Minute),
		NotAfter:     time.Now().Add(time.Hour),
		IPAddresses:  []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return nil, nil, err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	cert = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return cert, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER}), err
}

func relay(l net.Listener, engine string) {
	network, addr, _ := strings.Cut(engine, "://")
	for {
		in, err := l.Accept()
		if err != nil {
			return
		}
		out, err := net.Dial(network, addr)
		if err != nil {
			in.Close()
			continue
		}
		go func() {
			io.Copy(out, in)
			out.(interface{ CloseWrite() error }).CloseWrite() // a command's input has ended, not its output
		}()
		go func() {
			io.Copy(in, out)
			in.Close()
			out.Close()
		}()
	}
}
