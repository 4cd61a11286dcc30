package cli

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"

	"parley/internal/auth"
	"parley/internal/config"
	"parley/internal/jobs"
	"parley/internal/mail"
)

// newAccounts puts together what signs people up and in.
func (p *program) newAccounts(sessions *auth.Sessions) (*auth.Accounts, error) {
	passwords, err := auth.NewPasswords()
	if err != nil {
		return nil, err
	}
	key, err := secretKey(p.config)
	if err != nil {
		return nil, err
	}
	sealer, err := auth.NewSealer(key)
	if err != nil {
		return nil, fmt.Errorf("PARLEY_SECRET_KEY: %w", err)
	}
	if p.config.RedisURL != "" && p.config.SecretKey == "" {
		p.log.Warn("set the same PARLEY_SECRET_KEY on all nodes: what one seals, the others cannot open")
	}
	p.jobs = jobs.Open(jobs.Options{DB: p.db, Log: p.log, Finished: p.metrics.Job})
	a := &auth.Accounts{
		Chat: p.chat, Sessions: sessions, Passwords: passwords, Sealer: sealer, Jobs: p.jobs, Mail: p.config.SMTPHost != "",
		Throttle: &auth.Throttle{DB: p.db, Now: time.Now},
	}
	a.Arrived = p.door.Arrived
	if p.config.RateLimit.Count > 0 {
		a.Limits = auth.Limits{SignIns: allowance(p.config.SignInLimit), Letters: allowance(p.config.LetterLimit), Codes: allowance(p.config.CodeLimit),
			Guesses: allowance(p.config.GuessLimit), KnownGuesses: allowance(p.config.DeviceLimit)}
	}
	a.Directory, err = newDirectory(p.config)
	return a, err
}

// newDirectory is nil where there is none.
func newDirectory(c config.Config) (*auth.LDAP, error) {
	if c.LDAPURL == "" {
		return nil, nil
	}
	l := &auth.LDAP{
		URL: c.LDAPURL, StartTLS: c.LDAPStartTLS, BindDN: c.LDAPBindDN, BindPassword: c.LDAPBindPassword, Base: c.LDAPBase, Filter: c.LDAPFilter,
		IDAttribute: c.LDAPID, NameAttribute: c.LDAPName, MailAttribute: c.LDAPMail,
		Members: c.LDAPMembers, Moderators: c.LDAPModerators, Admins: c.LDAPAdmins, Provisioning: auth.Provisioning{SignUp: c.LDAPSignUp},
	}
	if c.LDAPCA != "" {
		pem, err := os.ReadFile(c.LDAPCA)
		if err != nil {
			return nil, fmt.Errorf("PARLEY_LDAP_CA: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("PARLEY_LDAP_CA: %s has no certificate", c.LDAPCA)
		}
		l.TLS = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	}
	return l, l.Check()
}

// newOIDC is nil where there is no provider.
func (p *program) newOIDC() *auth.OIDC {
	c := p.config
	if c.OIDCIssuer == "" {
		return nil
	}
	return &auth.OIDC{
		Issuer: c.OIDCIssuer, ClientID: c.OIDCClientID, ClientSecret: c.OIDCSecret, Label: c.OIDCName, Scopes: c.OIDCScopes, Accounts: p.accounts,
		Provisioning: auth.Provisioning{SignUp: c.OIDCSignUp, LinkByEmail: c.OIDCLinkByEmail},
	}
}

func allowance(r config.Rate) auth.Allowance { return auth.Allowance{Count: r.Count, Per: r.Per} }

// startJobs begins to do the jobs, once it is known where the server is.
func (p *program) startJobs(listening net.Addr) error {
	if p.config.PublicURL == "" {
		_, port, err := net.SplitHostPort(listening.String())
		if err != nil {
			return err
		}
		p.config.PublicURL = "http://localhost:" + port
	}
	if err := p.accounts.SetOrigin(p.config.PublicURL); err != nil {
		return err
	}
	if p.oidc != nil {
		p.oidc.RedirectURL = p.config.PublicURL + "/api/oidc/callback"
	}
	var kinds []jobs.Kind
	if p.config.SMTPHost != "" {
		post, err := p.post()
		if err != nil {
			return err
		}
		kinds = append(kinds, post.Kinds()...)
	}
	if pusher := p.push.Load(); pusher != nil {
		p.startPush(pusher)
		kinds = append(kinds, pusher.Kind())
	}
	p.metrics.Gauge("parley_jobs_waiting", "Jobs that are to be done.", func() float64 { return p.countJobs(func(c jobs.Counts) int { return c.Waiting }) })
	p.metrics.Gauge("parley_jobs_dead", "Jobs that were given up.", func() float64 { return p.countJobs(func(c jobs.Counts) int { return c.Dead }) })
	p.jobs.Start(kinds...)
	return nil
}

func (p *program) post() (*mail.Post, error) {
	c := p.config
	post := &mail.Post{
		Chat: p.chat, Accounts: p.accounts, URL: c.PublicURL,
		SMTP: mail.SMTP{Host: c.SMTPHost, Port: c.SMTPPort, User: c.SMTPUser, Password: c.SMTPPassword, From: c.SMTPFrom, Security: c.SMTPSecurity},
	}
	if post.SMTP.From == "" {
		post.SMTP.From = "parley@localhost"
	}
	return post, post.SMTP.Check()
}

// countJobs is what a scrape is told; 0 when the database does not answer, which other metrics tell.
func (p *program) countJobs(of func(jobs.Counts) int) float64 {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	list, err := p.jobs.Counts(ctx)
	if err != nil {
		return 0
	}
	n := 0
	for _, c := range list {
		n += of(c)
	}
	return float64(n)
}

// secretKey is the server's key: the setting, or the file in the folder of the data, which is made when there is none.
func secretKey(c config.Config) ([]byte, error) {
	if c.SecretKey != "" {
		key, err := base64.StdEncoding.DecodeString(c.SecretKey)
		if err != nil {
			return nil, errors.New("PARLEY_SECRET_KEY is no base64: make one with `openssl rand -base64 32`")
		}
		return key, nil
	}
	name := filepath.Join(c.Data, "secret.key")
	text, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		text, err = makeKey(name)
	}
	if err != nil {
		return nil, err
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fmt.Errorf("%s is damaged: %w", name, err)
	}
	return key, nil
}

func makeKey(name string) ([]byte, error) {
	var raw [auth.MinKey]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	text := []byte(base64.StdEncoding.EncodeToString(raw[:]) + "\n")
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) { // another server on this folder was first
		return os.ReadFile(name)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(text)
	return text, errors.Join(err, f.Sync(), f.Close())
}
