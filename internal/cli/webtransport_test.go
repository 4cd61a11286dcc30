package cli

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// writeCertificate writes a certificate with a serial number, as if at a certain time.
func writeCertificate(t *testing.T, c *certificate, serial int64, at time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), NotBefore: at, NotAfter: at.Add(time.Hour), DNSNames: []string{"chat.test"}}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, c.certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), at)
	write(t, c.keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private}), at)
}

func write(t *testing.T, name string, data []byte, at time.Time) {
	t.Helper()
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, at, at); err != nil {
		t.Fatal(err)
	}
}

func TestARenewedCertificateIsUsedAndABrokenOneIsNot(t *testing.T) {
	dir := t.TempDir()
	c := &certificate{certFile: filepath.Join(dir, "cert.pem"), keyFile: filepath.Join(dir, "key.pem")}
	if _, err := c.get(nil); err == nil {
		t.Fatal("no file, and no error")
	}
	serial := func() int64 {
		t.Helper()
		got, err := c.get(nil)
		if err != nil {
			t.Fatal(err)
		}
		return got.Leaf.SerialNumber.Int64()
	}
	now := time.Now()
	writeCertificate(t, c, 1, now)
	if first, again := serial(), serial(); first != 1 || again != 1 {
		t.Error("not the certificate of the files")
	}
	writeCertificate(t, c, 2, now.Add(time.Minute))
	if got := serial(); got != 2 {
		t.Errorf("certificate %d, want the renewed one", got)
	}
	write(t, c.certFile, []byte("half written"), now.Add(2*time.Minute))
	if got := serial(); got != 2 {
		t.Errorf("certificate %d, want the last good one", got)
	}
	writeCertificate(t, c, 3, now.Add(3*time.Minute))
	if got := serial(); got != 3 {
		t.Errorf("certificate %d, want the one after the broken one", got)
	}
}

func TestWebTransportWithoutItsCertificateSaysSo(t *testing.T) {
	var stderr bytes.Buffer
	code := Run(t.Context(), []string{
		"serve", "--port=0", "--host=127.0.0.1", "--data=" + t.TempDir(), "--webtransport-addr=127.0.0.1:0", "--tls-cert=missing.pem", "--tls-key=missing.pem",
	}, io.Discard, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "PARLEY_TLS_CERT") || !strings.Contains(stderr.String(), "missing.pem") {
		t.Errorf("exit %d, %s", code, stderr.String())
	}
}
