package mail

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"parley/internal/jobs"
	"parley/internal/mail/mailtest"
)

func outgoing(s *mailtest.Server) *SMTP {
	return &SMTP{Host: "127.0.0.1", Port: s.Port, From: "Parley <parley@chat.test>", Security: "none"}
}

func TestALetterHasBothForms(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	l := Letter{
		To: "ana@mail.test", Subject: "Grüße 🎉", Paragraphs: []string{"a < b & <script>alert(1)</script>"},
		Sections: []Section{{Heading: "General", Lines: []Line{{"<b>Eve</b>", "x"}}}},
		Link:     "https://chat.test/#reset=abc", LinkText: "Go", Closing: "Bye",
	}
	if err := outgoing(s).Send(t.Context(), "job1", l); err != nil {
		t.Fatal(err)
	}
	got := s.Wait("ana@mail.test", 1)
	if got.From != "parley@chat.test" || got.Header.Get("Message-Id") != "<job1@chat.test>" || got.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("%q %v", got.From, got.Header)
	}
	if !strings.Contains(got.Text, "a < b & <script>") || got.Link("reset") != "abc" {
		t.Errorf("text: %s", got.Text)
	}
	for _, bad := range []string{"<script>", "<b>Eve"} {
		if strings.Contains(got.HTML, bad) {
			t.Errorf("HTML has %s: %s", bad, got.HTML)
		}
	}
	if !strings.Contains(got.HTML, "a &lt; b &amp; &lt;script&gt;") || !strings.Contains(got.HTML, `href="https://chat.test/#reset=abc"`) {
		t.Errorf("HTML: %s", got.HTML)
	}
}

// Whatever people are called, what they write stays within its header, and a letter goes to one address.
func TestNothingGetsIntoTheHeaders(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	for i, evil := range []string{
		"x\r\nBcc: eve@evil.test", "x\nBcc: eve@evil.test", "x\rBcc: eve@evil.test", "x\r\n\r\n<h1>body</h1>", "x\u2028Bcc: eve@evil.test", "x\u0085Bcc: eve@evil.test",
		"=?utf-8?q?=0d=0aBcc:_eve@evil.test?=", strings.Repeat("long ", 100) + "\r\n Bcc: eve@evil.test",
	} {
		if err := outgoing(s).Send(t.Context(), "id", Letter{To: "ana@mail.test", Subject: evil, Closing: "."}); err != nil {
			t.Fatal(err)
		}
		got := s.Wait("ana@mail.test", i+1)
		if got.Header == nil || got.Header.Get("Bcc") != "" || len(s.Letters("eve@evil.test")) != 0 || strings.Contains(got.HTML, "<h1>body") || got.Text != "-- \n.\n" {
			t.Errorf("%q: %s", evil, got.Raw)
		}
	}
	for _, to := range []string{"ana@mail.test\r\nRCPT TO:<eve@evil.test>", "ana@mail.test, eve@evil.test", "ana@mail.test>\r\nDATA", "", "ana"} {
		if err := outgoing(s).Send(t.Context(), "id", Letter{To: to, Subject: "x"}); err == nil {
			t.Errorf("%q was taken", to)
		}
	}
	if len(s.Letters("eve@evil.test")) != 0 {
		t.Error("Eve got a letter")
	}
}

func certificate(t *testing.T) (*tls.Config, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}}, pool
}

func TestTheConnectionIsEncryptedAndSignedIn(t *testing.T) {
	server, pool := certificate(t)
	s := mailtest.Start(t, mailtest.Options{TLS: server, User: "parley", Password: "secret"})
	out := outgoing(s)
	out.Security, out.User, out.Password = "starttls", "parley", "secret"
	l := Letter{To: "ana@mail.test", Subject: "x"}
	if err := out.Send(t.Context(), "id", l); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Fatalf("a certificate that nobody vouches for: %v", err)
	}
	out.TLS = &tls.Config{RootCAs: pool, ServerName: "127.0.0.1"}
	if err := out.Send(t.Context(), "id", l); err != nil {
		t.Fatal(err)
	}
	s.Wait("ana@mail.test", 1)
	out.Password = "wrong"
	if err := out.Send(t.Context(), "id", l); err == nil {
		t.Fatal("a wrong password was taken")
	}
	// A server, or somebody in between, that does not offer encryption gets nothing.
	plain := mailtest.Start(t, mailtest.Options{})
	out.Port, out.User = plain.Port, ""
	if err := out.Send(t.Context(), "id", l); err == nil || len(plain.Letters("ana@mail.test")) != 0 {
		t.Fatalf("sent in the clear: %v", err)
	}
}

func TestAnAddressThatDoesNotExistIsNotTriedAgain(t *testing.T) {
	s := mailtest.Start(t, mailtest.Options{})
	s.Refuse("gone@mail.test", &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such mailbox"})
	s.Refuse("full@mail.test", &smtp.SMTPError{Code: 452, EnhancedCode: smtp.EnhancedCode{4, 2, 2}, Message: "mailbox full"})
	for to, want := range map[string]bool{"gone@mail.test": true, "full@mail.test": false} {
		err := outgoing(s).Send(t.Context(), "id", Letter{To: to, Subject: "x"})
		if err == nil || jobs.IsPermanent(err) != want {
			t.Errorf("%s: %v", to, err)
		}
	}
}
