package auth

import (
	"context"
	_ "embed"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alexedwards/argon2id"

	"parley/internal/chat"
)

// The bounds of a password, in characters.
const (
	MinPassword = 8
	MaxPassword = 128
)

// params are Argon2id's: 19 MiB, two passes, one lane, as OWASP recommends.
var params = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// maxHashing bounds the hashes made at once, and with it their memory: 19 MiB each.
const maxHashing = 2

//go:embed common-passwords.txt
var commonText string

// Passwords hashes and checks passwords.
type Passwords struct {
	slots  chan struct{}
	common map[string]bool
	nobody string // the hash of a password that nobody has
}

// NewPasswords makes a checker of passwords.
func NewPasswords() (*Passwords, error) {
	p := &Passwords{slots: make(chan struct{}, maxHashing), common: map[string]bool{}}
	for _, w := range strings.Fields(commonText) {
		p.common[w] = true
	}
	var err error
	p.nobody, err = argon2id.CreateHash("a password that nobody has", params)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return p, nil
}

// Hash checks a new password and returns what is stored of it.
func (p *Passwords) Hash(ctx context.Context, login, password string) (string, error) {
	n := utf8.RuneCountInString(password)
	switch {
	case !utf8.ValidString(password) || n < MinPassword:
		return "", &chat.Error{Kind: chat.Invalid, Message: fmt.Sprintf("The password needs at least %d characters", MinPassword)}
	case n > MaxPassword:
		return "", &chat.Error{Kind: chat.Invalid, Message: fmt.Sprintf("The password is too long (max %d characters)", MaxPassword)}
	case p.common[strings.ToLower(password)] || login != "" && strings.EqualFold(password, login):
		return "", &chat.Error{Kind: chat.Invalid, Message: "This password is too easy to guess"}
	}
	if err := p.enter(ctx); err != nil {
		return "", err
	}
	defer p.leave()
	hash, err := argon2id.CreateHash(password, params)
	if err != nil {
		return "", fmt.Errorf("auth: %w", err)
	}
	return hash, nil
}

// Matches reports whether a password belongs to a hash. For an empty hash, of somebody who does not exist or has no password, it
// takes as long as for any other, so that the time does not tell who exists.
func (p *Passwords) Matches(ctx context.Context, password, hash string) (bool, error) {
	if err := p.enter(ctx); err != nil {
		return false, err
	}
	defer p.leave()
	known := hash != "" && utf8.RuneCountInString(password) <= MaxPassword
	if !known {
		hash, password = p.nobody, ""
	}
	ok, err := argon2id.ComparePasswordAndHash(password, hash)
	if err != nil {
		return false, fmt.Errorf("auth: %w", err)
	}
	return ok && known, nil
}

func (p *Passwords) enter(ctx context.Context) error {
	select {
	case p.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return &chat.Error{Kind: chat.Unavailable, Message: "The server is busy", RetryAfter: time.Second, Err: ctx.Err()}
	}
}

func (p *Passwords) leave() { <-p.slots }
