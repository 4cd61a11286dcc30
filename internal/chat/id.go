package chat

import (
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
)

var idEncoding = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// newID returns 26 characters that sort by time: 48 bits of milliseconds, then 80 random bits.
func newID() string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(Clock().UnixMilli())<<16)
	_, _ = rand.Read(raw[6:]) // never fails: crypto/rand ends the program when the system has no randomness
	return idEncoding.EncodeToString(raw[:])
}
