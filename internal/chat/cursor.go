package chat

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"

	"parley/internal/db"
)

// Where a search goes on is a number among all messages of the server: how many there are, and when others write, is nobody's business. So
// it is given out encrypted, for the one who has searched.

// openCursors makes the cipher, of a key that the database keeps for all nodes.
func (c *Chat) openCursors(ctx context.Context) error {
	var key [8]byte
	_, _ = rand.Read(key[:]) // never fails: crypto/rand ends the program when the system has no randomness
	value := int64(binary.BigEndian.Uint64(key[:]))
	err := c.db.Tx(ctx, func(tx *db.Tx) error {
		if _, err := tx.Exec(ctx, `INSERT INTO counters (name, value) VALUES ('search-key', $1) ON CONFLICT (name) DO NOTHING`, value); err != nil {
			return err
		}
		return tx.QueryRow(ctx, `SELECT value FROM counters WHERE name = 'search-key'`).Scan(&value)
	})
	if err != nil {
		return fmt.Errorf("chat: the key of the search's cursors: %w", err)
	}
	hash := sha256.Sum256(fmt.Append(nil, "search cursors ", value))
	c.cursors, err = aes.NewCipher(hash[:])
	return err
}

// sealCursor is what a person is told of where their search goes on.
func sealCursor(b cipher.Block, userID string, doc int64) string {
	out := cursorBlock(userID, doc)
	b.Encrypt(out[:], out[:])
	return base64.RawURLEncoding.EncodeToString(out[:])
}

// openCursor is the opposite of it; what another person was told, and what nobody was, is refused.
func openCursor(b cipher.Block, userID, text string) (doc int64, err error) {
	in, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(in) != aes.BlockSize {
		return 0, errorf(Invalid, "That is no cursor of a search")
	}
	b.Decrypt(in, in)
	doc = int64(binary.BigEndian.Uint64(in)) //nolint:gosec // the bits of one
	if cursorBlock(userID, doc) != [aes.BlockSize]byte(in) {
		return 0, errorf(Invalid, "That is no cursor of a search")
	}
	return doc, nil
}

func cursorBlock(userID string, doc int64) (out [aes.BlockSize]byte) {
	binary.BigEndian.PutUint64(out[:], uint64(doc)) //nolint:gosec // the bits of one
	whose := sha256.Sum256([]byte(userID))
	copy(out[8:], whose[:8])
	return out
}
