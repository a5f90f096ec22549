package status

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestOnlyWhoKnowsThePasswordMayLook(t *testing.T) {
	url, _ := shows(t, func(o *Options) { o.Auth = Auth{User: "ops", Password: "s3cret:ü"} }, made(3))
	ask := func(path, user, password string) int {
		r, err := http.NewRequest(http.MethodGet, url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, password)
		}
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		answer.Body.Close()
		return answer.StatusCode
	}
	for _, path := range []string{"/", "/p/shop", "/metrics", "/readyz", "/status", "/elsewhere"} {
		for _, who := range [][2]string{{"", ""}, {"ops", ""}, {"ops", "s3cret"}, {"oops", "s3cret:ü"}, {"s3cret:ü", "ops"}} {
			if code := ask(path, who[0], who[1]); code != http.StatusUnauthorized {
				t.Errorf("%s for %q: %d", path, who, code)
			}
		}
	}
	if code := ask("/metrics", "ops", "s3cret:ü"); code != http.StatusOK {
		t.Errorf("with the right password: %d", code)
	}
	if code := ask("/healthz", "", ""); code != http.StatusOK {
		t.Errorf("whether it is alive is told to everybody: %d", code)
	}
}

// certify writes a certificate of its own for 127.0.0.1.
func certify(t *testing.T, files Certificate, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	made := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "pgsluice"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	cert, err := x509.CreateCertificate(rand.Reader, made, made, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for path, block := range map[string]*pem.Block{files.Cert: {Type: "CERTIFICATE", Bytes: cert}, files.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTLSTakesUpACertificateThatIsRenewed(t *testing.T) {
	files := Certificate{Cert: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	certify(t, files, 1, time.Now().Add(-time.Hour))
	url, _ := shows(t, func(o *Options) { o.TLS = files }, made(3))
	address := strings.TrimPrefix(url, "http://")
	serial := func() int64 {
		conn, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	if n := serial(); n != 1 {
		t.Fatalf("serial number %d", n)
	}
	certify(t, files, 2, time.Now())
	if n := serial(); n != 2 {
		t.Errorf("serial number %d after it was renewed", n)
	}
	if err := os.WriteFile(files.Key, []byte("half a k"), 0o600); err != nil {
		t.Fatal(err)
	}
	if n := serial(); n != 2 {
		t.Errorf("serial number %d while it is being renewed", n)
	}
}

func TestACertificateThatCannotBeReadIsAnError(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	_, err = Serve(listener, Options{View: func() []Pipeline { return nil }, TLS: Certificate{Cert: "nowhere.pem", Key: "nowhere.pem"}, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "nowhere.pem") {
		t.Errorf("%v", err)
	}
}
