package cli

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"parley/internal/auth/ldaptest"
	"parley/internal/config"
	"parley/internal/db"
	"parley/internal/db/dbtest"
)

const people = `dn: uid=ana,{base}
objectClass: inetOrgPerson
uid: ana
cn: Ana Ruiz
sn: Ruiz
mail: ana@office.test
userPassword: ana's there
entryUUID: 11111111-1111-4111-8111-111111111111

dn: uid=ben,{base}
objectClass: inetOrgPerson
uid: ben
cn: Ben
sn: B
userPassword: ben's there
entryUUID: 22222222-2222-4222-8222-222222222222

dn: uid=cleo(*),{base}
objectClass: inetOrgPerson
uid: cleo(*)
cn: Cleo
sn: C
userPassword: cleo's there
entryUUID: 33333333-3333-4333-8333-333333333333

dn: uid=dan,{base}
objectClass: inetOrgPerson
uid: dan
cn: Dan
sn: D
userPassword: dan's there
entryUUID: 44444444-4444-4444-8444-444444444444

dn: cn=staff,{base}
objectClass: groupOfNames
cn: staff
member: uid=ana,{base}
member: uid=ben,{base}
member: uid=cleo(*),{base}

dn: cn=admins,{base}
objectClass: groupOfUniqueNames
cn: admins
uniqueMember: uid=ana,{base}

dn: cn=moderators,{base}
objectClass: posixGroup
cn: moderators
gidNumber: 100
memberUid: ben
memberUid: ana
`

func startWithDirectory(t *testing.T, o db.Options, d *ldaptest.Directory, more ...string) *server {
	t.Helper()
	return start(t, append([]string{
		"--rate-limit=off", "--database-url=" + o.URL, "--ldap-url=" + d.URL, "--ldap-ca=" + d.CA, "--ldap-base=" + ldaptest.Base,
		"--ldap-bind-dn=" + ldaptest.Searcher, "--ldap-bind-password=" + ldaptest.SearcherPassword,
	}, more...)...)
}

func TestSigningInWithADirectorysPassword(t *testing.T) {
	d := ldaptest.Start(t, people)
	dbtest.Each(t, func(t *testing.T, o db.Options) {
		s := startWithDirectory(t, o, d, "--ldap-mail-attribute=mail", "--ldap-members=cn=staff,"+ldaptest.Base,
			"--ldap-admins=cn=admins,"+ldaptest.Base, "--ldap-moderators=cn=moderators,"+ldaptest.Base)
		s.dial(nil).must("account-create", reply{"name": "root", "password": "password of root"})
		s.dial(nil).must("account-create", reply{"name": "ben", "password": "password of ben"}) // another Ben, who was here first
		ana := s.dial(nil)
		first := ana.must("account-login", reply{"name": "ana", "password": "ana's there"})
		if first["login"] != "ana" || first["username"] != "Ana Ruiz" || first["role"] != "admin" {
			t.Fatal(first)
		}
		if r := ana.must("account-security", reply{}); r["email"] != "ana@office.test" {
			t.Fatal(r)
		}
		if again := s.dial(nil).must("account-login", reply{"name": " ANA ", "password": "ana's there"}); again["userId"] != first["userId"] {
			t.Fatal(again)
		}
		// The name that is taken here stays with who has it: its password there opens nothing of theirs.
		s.dial(nil).refused("account-login", reply{"name": "ben", "password": "ben's there"}, "unauthenticated", "Wrong name or password")
		s.dial(nil).must("account-login", reply{"name": "ben", "password": "password of ben"})
		wrong := "Wrong name or password"
		for name, password := range map[string]string{
			"ana": "", "nobody": "ana's there", "": "", "dan": "dan's there", // who is not in the group
			"*": "ana's there", "ana)(uid=*": "ana's there", "a*": "ana's there", "ana)(|(uid=*": "ana's there", "uid=ana," + ldaptest.Base: "ana's there",
			`\61na`: "ana's there", "root": "", "searcher": ldaptest.SearcherPassword,
		} {
			s.dial(nil).refused("account-login", reply{"name": name, "password": password}, "unauthenticated", wrong)
		}
		s.dial(nil).refused("account-login", reply{"name": "ana\x00", "password": "ana's there"}, "invalid", "NUL")
		s.dial(nil).refused("account-login", reply{"name": "ana", "password": "ben's there"}, "unauthenticated", wrong)
		// A name that is a filter finds the one who is called so, and nobody else.
		if r := s.dial(nil).must("account-login", reply{"name": "cleo(*)", "password": "cleo's there"}); r["login"] != "cleo" || r["role"] != "member" {
			t.Fatal(r)
		}
		// A directory's password proves who it is, as ours do, and is not ours to change or to reset.
		s.sql(`UPDATE sessions SET confirmed_at = 0`)
		ana.refused("totp-begin", reply{}, "unconfirmed", "Confirm")
		ana.refused("account-confirm", reply{"password": ""}, "forbidden", "Wrong")
		ana.refused("account-confirm", reply{"password": "ben's there"}, "forbidden", "Wrong")
		ana.must("account-confirm", reply{"password": "ana's there"})
		ana.must("totp-begin", reply{})
		ana.refused("account-password", reply{"old": "ana's there", "new": "another password"}, "forbidden", "directory")
		// A role follows the group at the next sign-in; an owner's does not.
		s.sql(`UPDATE users SET role = 'member' WHERE login = 'ana'`)
		if r := s.dial(nil).must("account-login", reply{"name": "ana", "password": "ana's there"}); r["role"] != "admin" {
			t.Fatal(r)
		}
		s.sql(`UPDATE users SET role = 'owner' WHERE login = 'cleo'`)
		if r := s.dial(nil).must("account-login", reply{"name": "cleo(*)", "password": "cleo's there"}); r["role"] != "owner" {
			t.Fatal(r)
		}
		root := s.dial(nil)
		root.must("account-login", reply{"name": "root", "password": "password of root"})
		root.must("person-deactivate", reply{"userId": first["userId"]})
		s.dial(nil).refused("account-login", reply{"name": "ana", "password": "ana's there"}, "unauthenticated", wrong)
		for _, table := range []string{"users", "identities", "sessions"} {
			if text := dump(t, s, table); strings.Contains(text, "s there") {
				t.Fatal("a directory's password is here", text)
			}
		}
	})
}

func TestTheWayToTheDirectoryIsEncrypted(t *testing.T) {
	d := ldaptest.Start(t, people)
	login := reply{"name": "ana", "password": "ana's there"}
	s := startWithDirectory(t, db.Options{}, d, "--ldap-url="+d.SecureURL)
	s.dial(nil).must("account-login", login)
	// The directory asks for encryption; and so do we, unless we are told not to.
	s = startWithDirectory(t, db.Options{}, d, "--no-ldap-starttls")
	s.dial(nil).refused("account-login", login, "unavailable", "does not answer")
	s = startWithDirectory(t, db.Options{}, d, "--ldap-ca=") // nobody vouches for its certificate
	s.dial(nil).refused("account-login", login, "unavailable", "does not answer")
	s = startWithDirectory(t, db.Options{}, d, "--no-ldap-sign-up")
	s.dial(nil).must("account-create", reply{"name": "root", "password": "password of root"})
	s.dial(nil).refused("account-login", login, "forbidden", "no account")
	d.Stop()
	s.dial(nil).refused("account-login", login, "unavailable", "does not answer")
	s.dial(nil).refused("account-login", reply{"name": "root", "password": "wrong"}, "unavailable", "does not answer")
	s.dial(nil).must("account-login", reply{"name": "root", "password": "password of root"}) // ours work without it
	for _, args := range [][]string{
		{"--ldap-url=http://x", "--ldap-base=dc=x"}, {"--ldap-url=ldap://x", "--ldap-base=dc=x", "--ldap-filter=(uid=*)"},
		{"--ldap-url=ldap://x", "--ldap-base=dc=x", "--ldap-filter=(uid={login}"}, {"--ldap-url=ldap://x", "--ldap-base=dc=x", "--ldap-ca=/nothing"},
	} {
		c, err := config.Parse(args, io.Discard)
		if err == nil {
			_, err = newDirectory(c)
		}
		if err == nil || !strings.Contains(fmt.Sprint(err), "PARLEY_LDAP_") {
			t.Errorf("%v: %v", args, err)
		}
	}
}
