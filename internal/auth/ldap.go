package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"

	"parley/internal/chat"
	"parley/internal/db"
)

// LDAP signs people in with the passwords of a directory.
type LDAP struct {
	URL                  string // ldap://host:389 or ldaps://host:636
	StartTLS             bool   // encrypt ldap://
	BindDN, BindPassword string // who searches; empty: anybody may
	Base                 string // people are below it
	Filter               string // finds a person; {login} stands for what they have entered
	IDAttribute          string // never changes, unlike a name
	NameAttribute        string
	MailAttribute        string // an address there counts as verified; empty: none does
	// Members, Moderators and Admins are groups' DNs; empty: everybody may sign in, and roles are given here.
	Members, Moderators, Admins string
	TLS                         *tls.Config // may be nil
	Provisioning
}

// The directory is not a provider of its own: there is one.
const ldapIssuer = "ldap"

const ldapTimeout = 10 * time.Second

// loginPlace stands for the login in a filter.
const loginPlace = "{login}"

// ldapEntry is a person of the directory.
type ldapEntry struct {
	Identity
	dn   string
	role chat.Role // by their groups; empty where roles are given here
}

func errDirectory(err error) error {
	return &chat.Error{Kind: chat.Unavailable, Message: "The directory does not answer", RetryAfter: 5 * time.Second, Err: err}
}

// Check reports what is wrong with the settings, without connecting.
func (l *LDAP) Check() error {
	if !strings.Contains(l.Filter, loginPlace) {
		return fmt.Errorf("PARLEY_LDAP_FILTER: %q finds everybody: it needs %s", l.Filter, loginPlace)
	}
	if _, err := ldap.CompileFilter(strings.ReplaceAll(l.Filter, loginPlace, "x")); err != nil {
		return fmt.Errorf("PARLEY_LDAP_FILTER: %w", err)
	}
	if !strings.HasPrefix(l.URL, "ldap://") && !strings.HasPrefix(l.URL, "ldaps://") {
		return errors.New("PARLEY_LDAP_URL: write it like ldaps://directory.example.com")
	}
	return nil
}

func (l *LDAP) connect(ctx context.Context) (*ldap.Conn, error) {
	c, err := ldap.DialURL(l.URL, ldap.DialWithDialer(&net.Dialer{Timeout: ldapTimeout}), ldap.DialWithTLSConfig(l.TLS))
	if err != nil {
		return nil, errDirectory(err)
	}
	timeout := ldapTimeout
	if end, ok := ctx.Deadline(); ok {
		timeout = min(timeout, time.Until(end))
	}
	c.SetTimeout(timeout)
	if l.StartTLS && strings.HasPrefix(l.URL, "ldap://") {
		config := &tls.Config{ServerName: hostOf(l.URL), MinVersion: tls.VersionTLS12}
		if l.TLS != nil {
			config = l.TLS.Clone()
			config.ServerName = hostOf(l.URL)
		}
		err = c.StartTLS(config) // no password goes over it otherwise
	}
	if err == nil {
		err = l.bind(c)
	}
	if err != nil {
		_ = c.Close()
		return nil, errDirectory(err)
	}
	return c, nil
}

func hostOf(url string) string {
	_, rest, _ := strings.Cut(url, "://")
	host, _, err := net.SplitHostPort(strings.TrimSuffix(rest, "/"))
	if err != nil {
		return strings.TrimSuffix(rest, "/")
	}
	return host
}

// bind makes the connection the searcher's.
func (l *LDAP) bind(c *ldap.Conn) error {
	if l.BindDN == "" {
		return nil
	}
	return c.Bind(l.BindDN, l.BindPassword)
}

// byLogin is the filter that finds who has entered a login. What they have entered is escaped: it can be no filter of its own.
func (l *LDAP) byLogin(login string) string {
	return strings.ReplaceAll(l.Filter, loginPlace, ldap.EscapeFilter(login))
}

func (l *LDAP) bySubject(subject string) string {
	return "(" + l.IDAttribute + "=" + ldap.EscapeFilter(subject) + ")"
}

// check returns whose a password is. Nobody, and a wrong password, are NotFound, after the same steps.
func (l *LDAP) check(ctx context.Context, filter, password string) (*ldapEntry, error) {
	if password == "" { // a directory takes a bind without a password for one of nobody, and says yes
		return nil, errNobody()
	}
	c, err := l.connect(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = c.Close() }() // nothing was written
	attributes := []string{l.IDAttribute, l.NameAttribute, "uid", "sAMAccountName"}
	if l.MailAttribute != "" {
		attributes = append(attributes, l.MailAttribute)
	}
	found, err := c.Search(ldap.NewSearchRequest(l.Base, ldap.ScopeWholeSubtree, ldap.NeverDerefAliases, 2, int(ldapTimeout.Seconds()), false, filter, attributes, nil))
	if err != nil && !ldap.IsErrorWithCode(err, ldap.LDAPResultSizeLimitExceeded) && !ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return nil, errDirectory(err)
	}
	dn := "cn=nobody," + l.Base
	if err == nil && len(found.Entries) == 1 {
		dn = found.Entries[0].DN
	}
	if err := c.Bind(dn, password); err != nil {
		if ldap.IsErrorWithCode(err, ldap.ErrorNetwork) {
			return nil, errDirectory(err)
		}
		return nil, errNobody()
	}
	if err != nil || len(found.Entries) != 1 {
		return nil, errNobody()
	}
	return l.describe(c, found.Entries[0])
}

func errNobody() error { return &chat.Error{Kind: chat.NotFound, Message: "No such person"} }

// describe reads what is to be known of a person who has shown their password.
func (l *LDAP) describe(c *ldap.Conn, e *ldap.Entry) (*ldapEntry, error) {
	out := &ldapEntry{dn: e.DN}
	out.Issuer, out.Subject, out.Name = ldapIssuer, e.GetAttributeValue(l.IDAttribute), e.GetAttributeValue(l.NameAttribute)
	out.Login = e.GetAttributeValue("uid")
	if out.Login == "" {
		out.Login = e.GetAttributeValue("sAMAccountName")
	}
	if out.Subject == "" {
		return nil, errDirectory(fmt.Errorf("%s has no %s: set PARLEY_LDAP_ID_ATTRIBUTE", e.DN, l.IDAttribute))
	}
	if l.MailAttribute != "" {
		out.Email, out.EmailVerified = e.GetAttributeValue(l.MailAttribute), true
	}
	if err := l.bind(c); err != nil { // the groups are the searcher's to read
		return nil, errDirectory(err)
	}
	if l.Members != "" {
		in, err := l.inGroup(c, l.Members, out)
		if err != nil {
			return nil, err
		}
		if !in {
			return nil, errNobody()
		}
	}
	if l.Admins == "" && l.Moderators == "" {
		return out, nil
	}
	out.role = chat.Member
	for _, group := range []struct {
		dn   string
		role chat.Role
	}{{l.Moderators, chat.Moderator}, {l.Admins, chat.Admin}} {
		if group.dn == "" {
			continue
		}
		in, err := l.inGroup(c, group.dn, out)
		if err != nil {
			return nil, err
		}
		if in {
			out.role = group.role
		}
	}
	return out, nil
}

// inGroup reports whether a group names a person, in one of the ways that directories have. A group that is not there has nobody in it.
func (l *LDAP) inGroup(c *ldap.Conn, group string, who *ldapEntry) (bool, error) {
	dn, uid := ldap.EscapeFilter(who.dn), ldap.EscapeFilter(who.Login)
	found, err := c.Search(ldap.NewSearchRequest(group, ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, int(ldapTimeout.Seconds()), false,
		"(|(member="+dn+")(uniqueMember="+dn+")(memberUid="+uid+"))", []string{"1.1"}, nil))
	if ldap.IsErrorWithCode(err, ldap.LDAPResultNoSuchObject) {
		return false, nil
	}
	if err != nil {
		return false, errDirectory(err)
	}
	return len(found.Entries) == 1, nil
}

// signInLDAP is the person whose password in the directory somebody knows. They get an account at the first time.
func (s *Accounts) signInLDAP(ctx context.Context, login, password string) (chat.User, error) {
	e, err := s.Directory.check(ctx, s.Directory.byLogin(strings.TrimSpace(login)), password)
	if err != nil {
		return chat.User{}, err
	}
	u, err := s.ownerOf(ctx, e.Identity)
	if err != nil && chat.AsError(err).Kind == chat.NotFound {
		u, err = s.adoptIdentity(ctx, e.Identity, s.Directory.Provisioning)
	}
	if err != nil {
		return u, err
	}
	if u.Deactivated {
		return u, errNobody()
	}
	if e.role != "" && e.role != u.Role && u.Role != chat.Owner {
		return s.Chat.SetRole(ctx, chat.Actor{Role: chat.Owner}, u.ID, e.role)
	}
	return u, nil
}

// ldapPassword reports whether a password is that of a person in the directory.
func (s *Accounts) ldapPassword(ctx context.Context, userID, password string) (bool, error) {
	var subject string
	err := s.db().QueryRow(ctx, `SELECT subject FROM identities WHERE user_id = $1 AND issuer = $2`, userID, ldapIssuer).Scan(&subject)
	if db.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, unreadable(err)
	}
	_, err = s.Directory.check(ctx, s.Directory.bySubject(subject), password)
	if err != nil && chat.AsError(err).Kind == chat.NotFound {
		return false, nil
	}
	return err == nil, err
}
