package cli

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"parley/internal/auth"
	"parley/internal/chat"
	"parley/internal/config"
	"parley/internal/db"
	"parley/internal/jobs"
)

// adminArgs are what an administrator can do from the terminal.
type adminArgs struct {
	config.Database
	List         struct{}       `cmd:"" help:"List the accounts."`
	CreateOwner  loginPassword  `cmd:"" name:"create-owner" help:"Make an account that owns the server."`
	SetPassword  loginPassword  `cmd:"" name:"set-password" help:"Give an account another password; its sessions end."`
	SetRole      loginRole      `cmd:"" name:"set-role" help:"Give an account another role."`
	Deactivate   loginOnly      `cmd:"" help:"Take an account's access away; what it wrote stays."`
	Activate     loginOnly      `cmd:"" help:"Give an account its access back."`
	Sessions     loginOnly      `cmd:"" help:"End all sessions of an account."`
	ResetFactors loginOnly      `cmd:"" name:"reset-factors" help:"Take an account's passkeys, authenticator and recovery codes away, for who has lost them."`
	ScimToken    serviceName    `cmd:"" name:"scim-token" help:"Make a token for who keeps the accounts up by SCIM, and print it."`
	ScimTokens   struct{}       `cmd:"" name:"scim-tokens" help:"List these tokens."`
	ScimRevoke   serviceID      `cmd:"" name:"scim-revoke" help:"End one of these tokens."`
	Jobs         struct{}       `cmd:"" help:"Tell what waits to be done, as mail, and what was given up."`
	RetryJobs    struct{}       `cmd:"" name:"retry-jobs" help:"Let what was given up be tried again."`
	Restored     struct{}       `cmd:"" help:"Tell all clients that the logs are older than what they know: after a backup was brought back by Postgres' own tools. Stop the server before."`
	Invite       invitationArgs `cmd:"" help:"Make an invitation and print its token."`
}

type loginOnly struct {
	Name string `arg:"" help:"Name of the account."`
}

type serviceName struct {
	Name string `arg:"" help:"What it is for."`
}

type serviceID struct {
	ID string `arg:"" help:"Its id, from scim-tokens."`
}

type loginPassword struct {
	Name  string `arg:"" help:"Name of the account."`
	Stdin bool   `help:"Read the password from the standard input, instead of making one."`
}

type loginRole struct {
	Name string `arg:"" help:"Name of the account."`
	Role string `arg:"" enum:"owner,admin,moderator,member" help:"owner, admin, moderator or member."`
}

type invitationArgs struct {
	Role  string        `default:"member" enum:"owner,admin,moderator,member" help:"Role of those who come by it."`
	Uses  int           `default:"1" help:"How often it can be used."`
	Valid time.Duration `default:"168h" help:"How long it is valid."`
}

// console is the administrator at the terminal, who may what an owner may.
var console = chat.Actor{Role: chat.Owner}

// terminal is what the verbs of admin work with.
type terminal struct {
	chat      *chat.Chat
	accounts  *auth.Accounts
	out       io.Writer
	in        io.Reader
	passwords *auth.Passwords
}

// admin does what a locked-out owner needs. A server that runs takes notice within seconds.
func admin(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var in adminArgs
	verb, code, ok := parseCommand("parley admin", "Manage accounts from the terminal, while the server runs or not.", &in, args, stdout, stderr)
	if !ok {
		return code
	}
	d, err := db.Open(ctx, db.Options{URL: in.URL, Dir: in.Data})
	if err != nil {
		return fail(stderr, 1, err)
	}
	c, err := chat.New(ctx, chat.Options{DB: d})
	if err != nil {
		return fail(stderr, 1, errors.Join(err, d.Close()))
	}
	passwords, err := auth.NewPasswords()
	if err == nil {
		t := &terminal{
			chat: c, out: stdout, in: os.Stdin, passwords: passwords,
			accounts: &auth.Accounts{
				Chat: c, Sessions: &auth.Sessions{DB: d, Now: time.Now}, Passwords: passwords, Jobs: jobs.Open(jobs.Options{DB: d}),
			},
		}
		err = t.do(ctx, verb, &in)
	}
	c.Close()
	if err = errors.Join(err, d.Close()); err != nil {
		return fail(stderr, 1, err)
	}
	return 0
}

func (t *terminal) do(ctx context.Context, verb string, in *adminArgs) error {
	switch strings.Fields(verb)[0] {
	case "list":
		return t.list(ctx)
	case "restored":
		return chat.RenewEpochs(ctx, t.accounts.Sessions.DB)
	case "create-owner":
		return t.createOwner(ctx, in.CreateOwner)
	case "set-password":
		return t.setPassword(ctx, in.SetPassword)
	case "set-role":
		return t.with(ctx, in.SetRole.Name, func(u chat.User) error {
			_, err := t.chat.SetRole(ctx, console, u.ID, chat.Role(in.SetRole.Role))
			return t.done(err, "%s is %s now", u.Login, in.SetRole.Role)
		})
	case "deactivate":
		return t.with(ctx, in.Deactivate.Name, func(u chat.User) error {
			_, err := t.chat.Deactivate(ctx, console, u.ID, true)
			return t.done(err, "%s is deactivated", u.Login)
		})
	case "activate":
		return t.with(ctx, in.Activate.Name, func(u chat.User) error {
			_, err := t.chat.Deactivate(ctx, console, u.ID, false)
			return t.done(err, "%s is active", u.Login)
		})
	case "sessions":
		return t.with(ctx, in.Sessions.Name, func(u chat.User) error { return t.endSessions(ctx, u) })
	case "reset-factors":
		return t.with(ctx, in.ResetFactors.Name, func(u chat.User) error {
			return t.done(t.accounts.ResetFactors(ctx, u.ID), "%s signs in with the password alone", u.Login)
		})
	case "scim-token":
		token, err := t.accounts.NewServiceToken(ctx, in.ScimToken.Name)
		return t.done(err, "%s", token)
	case "scim-tokens":
		return t.serviceTokens(ctx)
	case "scim-revoke":
		return t.done(t.accounts.RevokeServiceToken(ctx, in.ScimRevoke.ID), "the token has ended")
	case "jobs":
		return t.jobs(ctx)
	case "retry-jobs":
		n, err := t.accounts.Jobs.Revive(ctx)
		return t.done(err, "%d jobs are tried again", n)
	default:
		return t.invite(ctx, in.Invite)
	}
}

func (t *terminal) done(err error, format string, args ...any) error {
	if err == nil {
		_, err = fmt.Fprintf(t.out, format+"\n", args...)
	}
	return err
}

// with finds an account.
func (t *terminal) with(ctx context.Context, login string, do func(chat.User) error) error {
	u, _, err := t.chat.Credentials(ctx, login)
	if err != nil {
		return err
	}
	return do(u)
}

func (t *terminal) list(ctx context.Context) error {
	users, err := t.chat.Accounts(ctx)
	for _, u := range users {
		state := ""
		if u.Deactivated {
			state = "deactivated"
		}
		_, _ = fmt.Fprintf(t.out, "%-30s %-10s %s %s\n", u.Login, u.Role, u.Name, state)
	}
	return err
}

func (t *terminal) serviceTokens(ctx context.Context) error {
	list, err := t.accounts.ServiceTokens(ctx)
	for _, s := range list {
		used := "never used"
		if !s.UsedAt.IsZero() {
			used = "used " + s.UsedAt.Format(time.RFC3339)
		}
		_, _ = fmt.Fprintf(t.out, "%s  %-30s made %s, %s\n", s.ID, s.Name, s.CreatedAt.Format(time.RFC3339), used)
	}
	return err
}

func (t *terminal) jobs(ctx context.Context) error {
	counts, err := t.accounts.Jobs.Counts(ctx)
	if err != nil {
		return err
	}
	for _, c := range counts {
		_, _ = fmt.Fprintf(t.out, "%-20s %d waiting, %d given up\n", c.Kind, c.Waiting, c.Dead)
	}
	dead, err := t.accounts.Jobs.Dead(ctx)
	for _, d := range dead {
		_, _ = fmt.Fprintf(t.out, "%s %-20s %s after %d attempts: %s\n", d.ID, d.Kind, d.At.Format(time.RFC3339), d.Attempts, d.Error)
	}
	return err
}

// password reads a password, or makes one and prints it.
func (t *terminal) password(fromInput bool) (string, error) {
	if fromInput {
		line, err := bufio.NewReader(t.in).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", err
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	var raw [15]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	made := strings.ToLower(base32.StdEncoding.EncodeToString(raw[:]))
	_, err := fmt.Fprintln(t.out, "password:", made)
	return made, err
}

func (t *terminal) createOwner(ctx context.Context, in loginPassword) error {
	password, err := t.password(in.Stdin)
	if err != nil {
		return err
	}
	hash, err := t.passwords.Hash(ctx, in.Name, password)
	if err != nil {
		return err
	}
	u, err := t.chat.CreateAccount(ctx, chat.AccountDraft{Login: in.Name, PasswordHash: hash})
	if err == nil && u.Role != chat.Owner {
		_, err = t.chat.SetRole(ctx, console, u.ID, chat.Owner)
	}
	return t.done(err, "%s owns this server", u.Login)
}

func (t *terminal) setPassword(ctx context.Context, in loginPassword) error {
	return t.with(ctx, in.Name, func(u chat.User) error {
		password, err := t.password(in.Stdin)
		if err != nil {
			return err
		}
		return t.done(t.accounts.SetPassword(ctx, u, password, ""), "the password of %s is changed, its sessions have ended", u.Login)
	})
}

func (t *terminal) endSessions(ctx context.Context, u chat.User) error {
	n, err := t.accounts.Sessions.RevokeAll(ctx, u.ID, "Signed out by an administrator")
	return t.done(err, "%d sessions of %s have ended", n, u.Login)
}

// invite makes an invitation in the name of the first owner.
func (t *terminal) invite(ctx context.Context, in invitationArgs) error {
	users, err := t.chat.Accounts(ctx)
	if err != nil {
		return err
	}
	for _, u := range users {
		if u.Role != chat.Owner || u.Deactivated {
			continue
		}
		i, token, err := t.chat.Invite(ctx, chat.Actor{UserID: u.ID, Role: u.Role}, chat.InvitationDraft{Role: chat.Role(in.Role), Valid: in.Valid, MaxUses: in.Uses})
		return t.done(err, "%s (until %s)", token, i.ExpiresAt.Format(time.RFC3339))
	}
	return errors.New("the server has no owner yet: make one with create-owner")
}
