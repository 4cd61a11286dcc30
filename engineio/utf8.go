package engineio

import "unicode/utf8"

// utf8Check validates text that arrives in pieces and fails at the first byte that no continuation can mend.
type utf8Check struct {
	tail [utf8.UTFMax]byte
	n    uint8
}

// write checks the next piece.
func (c *utf8Check) write(p []byte) bool {
	for c.n > 0 && len(p) > 0 {
		c.tail[c.n] = p[0]
		c.n++
		p = p[1:]
		if !utf8.FullRune(c.tail[:c.n]) {
			continue
		}
		if r, size := utf8.DecodeRune(c.tail[:c.n]); r == utf8.RuneError && size == 1 {
			return false
		}
		c.n = 0
	}
	cut := len(p)
	for back := 1; back < utf8.UTFMax && back <= len(p); back++ {
		if b := p[len(p)-back]; utf8.RuneStart(b) {
			if !utf8.FullRune(p[len(p)-back:]) {
				cut = len(p) - back
			}
			break
		}
	}
	if !utf8.Valid(p[:cut]) {
		return false
	}
	c.n += uint8(copy(c.tail[c.n:], p[cut:]))
	return true
}

// complete reports whether the text so far does not end within a character.
func (c *utf8Check) complete() bool { return c.n == 0 }
