package db

import "strings"

// Containing is a pattern of LIKE … ESCAPE '!' that a text matches which has another one in it.
func Containing(text string) string {
	return "%" + strings.NewReplacer("!", "!!", "%", "!%", "_", "!_").Replace(text) + "%"
}
