// Package ldaptest starts a real directory for tests: Debian's slapd, with people and groups, on free ports.
package ldaptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Base is where everything is.
const Base = "dc=office,dc=test"

// Searcher is who may search, and their password.
const (
	Searcher         = "cn=searcher," + Base
	SearcherPassword = "the searcher's"
)

// Directory is a running one.
type Directory struct {
	URL, SecureURL string // ldap:// with StartTLS, and ldaps://
	CA             string // file with the certificate that vouches for it
	t              testing.TB
	dir            string
	cmd            *exec.Cmd
}

// Start starts a directory with people, in the form of LDIF; {base} stands for Base. It ends with the test.
func Start(t testing.TB, ldif string) *Directory {
	t.Helper()
	d := &Directory{t: t, dir: t.TempDir()}
	d.CA = filepath.Join(d.dir, "cert.pem")
	d.certify()
	if err := os.Mkdir(filepath.Join(d.dir, "db"), 0o700); err != nil {
		t.Fatal(err)
	}
	conf := `
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
include /etc/ldap/schema/nis.schema
include /etc/ldap/schema/inetorgperson.schema
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile ` + d.dir + `/pid
TLSCertificateFile ` + d.dir + `/cert.pem
TLSCertificateKeyFile ` + d.dir + `/key.pem
security simple_bind=1
database mdb
suffix "` + Base + `"
directory ` + d.dir + `/db
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="` + Searcher + `" read by * none
`
	d.write("slapd.conf", conf)
	d.write("people.ldif", strings.ReplaceAll(`dn: {base}
objectClass: dcObject
objectClass: organization
o: office
dc: office

dn: `+Searcher+`
objectClass: organizationalRole
objectClass: simpleSecurityObject
cn: searcher
userPassword: `+SearcherPassword+`

`+ldif, "{base}", Base))
	conf = filepath.Join(d.dir, "slapd.conf")
	if out, err := exec.Command("/usr/sbin/slapadd", "-f", conf, "-l", filepath.Join(d.dir, "people.ldif")).CombinedOutput(); err != nil { //nolint:noctx // short
		t.Fatalf("slapadd: %v: %s (scripts/install-test-deps installs it)", err, out)
	}
	plain, secure := free(t), free(t)
	d.URL, d.SecureURL = fmt.Sprintf("ldap://127.0.0.1:%d", plain), fmt.Sprintf("ldaps://127.0.0.1:%d", secure)
	d.cmd = exec.Command("/usr/sbin/slapd", "-f", conf, "-h", d.URL+"/ "+d.SecureURL+"/", "-d", "0") //nolint:noctx // it ends with the test
	d.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Stop)
	for _, port := range []int{plain, secure} {
		for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
			c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port)) //nolint:noctx // a test's
			if err == nil {
				_ = c.Close()
				break
			}
			if time.Now().After(deadline) {
				t.Fatal("slapd does not answer:", err)
			}
		}
	}
	return d
}

// Stop ends the directory.
func (d *Directory) Stop() {
	_ = d.cmd.Process.Kill()
	_, _ = d.cmd.Process.Wait()
}

func (d *Directory) write(name, text string) {
	if err := os.WriteFile(filepath.Join(d.dir, name), []byte(text), 0o600); err != nil {
		d.t.Fatal(err)
	}
}

func free(t testing.TB) int {
	ln, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().(*net.TCPAddr).Port
}

func (d *Directory) certify() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		d.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		d.t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		d.t.Fatal(err)
	}
	d.write("cert.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	d.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})))
}
