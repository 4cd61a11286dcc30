package auth

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Sealer keeps secrets that must be read again, such as those of authenticators: in the database they are encrypted with a key that is
// not there. What is sealed for one purpose and owner opens for no other.
type Sealer struct{ key []byte }

// MinKey is how many bytes of randomness a server's key needs.
const MinKey = 32

// NewSealer makes a sealer from the server's key.
func NewSealer(key []byte) (*Sealer, error) {
	if len(key) < MinKey {
		return nil, fmt.Errorf("auth: the server's key needs at least %d bytes", MinKey)
	}
	return &Sealer{key: key}, nil
}

const sealed = "v1."

func (s *Sealer) cipher(purpose string) (cipher.AEAD, error) {
	key, err := hkdf.Key(sha256.New, s.key, nil, "parley/"+purpose, 32)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Seal encrypts a secret of an owner.
func (s *Sealer) Seal(purpose, owner, secret string) (string, error) {
	c, err := s.cipher(purpose)
	if err != nil {
		return "", err
	}
	return sealed + base64.RawURLEncoding.EncodeToString(c.Seal(nil, nil, []byte(secret), []byte(owner))), nil
}

// Open decrypts what Seal has made.
func (s *Sealer) Open(purpose, owner, text string) (string, error) {
	c, err := s.cipher(purpose)
	if err != nil {
		return "", err
	}
	raw, ok := strings.CutPrefix(text, sealed)
	data, err := base64.RawURLEncoding.DecodeString(raw)
	if !ok || err != nil {
		return "", errors.New("auth: what is sealed is malformed")
	}
	secret, err := c.Open(nil, nil, data, []byte(owner))
	if err != nil {
		return "", errors.New("auth: sealed with another key: is PARLEY_SECRET_KEY, or the file secret.key, the one from before?")
	}
	return string(secret), nil
}

// newToken is 256 random bits for a link, of which the database gets only the hash.
func newToken() string {
	var raw [32]byte
	_, _ = rand.Read(raw[:]) // never fails: crypto/rand ends the program when the system has no randomness
	return base64.RawURLEncoding.EncodeToString(raw[:])
}
