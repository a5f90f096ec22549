package status

import (
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"sync"
	"time"
)

// Certificate is where a server's certificate and its key are, in PEM. The zero
// Certificate is none.
type Certificate struct{ Cert, Key string }

// over puts TLS over a listener, where there is a certificate. Files that change
// are read again: a certificate is good for months, and a pipeline runs for years.
func (c Certificate) over(l net.Listener) (net.Listener, error) {
	if c == (Certificate{}) {
		return l, nil
	}
	k := &keptCertificate{files: c}
	if err := k.read(); err != nil {
		return nil, err
	}
	return tls.NewListener(l, &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: k.get}), nil
}

type keptCertificate struct {
	files Certificate

	mu   sync.Mutex
	last *tls.Certificate
	at   time.Time // when the younger file was written
}

func (k *keptCertificate) read() error {
	at, err := k.files.written()
	if err != nil {
		return err
	}
	pair, err := tls.LoadX509KeyPair(k.files.Cert, k.files.Key)
	if err != nil {
		return fmt.Errorf("read the certificate %s with the key %s: %w", k.files.Cert, k.files.Key, err)
	}
	k.last, k.at = &pair, at
	return nil
}

// get gives the last pair that could be read: while files are being replaced the
// two may not fit each other.
func (k *keptCertificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if at, err := k.files.written(); err == nil && !at.Equal(k.at) {
		_ = k.read()
	}
	return k.last, nil
}

func (c Certificate) written() (time.Time, error) {
	var last time.Time
	for _, path := range []string{c.Cert, c.Key} {
		info, err := os.Stat(path)
		if err != nil {
			return last, err
		}
		if info.ModTime().After(last) {
			last = info.ModTime()
		}
	}
	return last, nil
}
