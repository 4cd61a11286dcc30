package chat

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"parley/internal/markdown"
)

// maxToken bounds a token, in characters: what is longer is found by its beginning.
const maxToken = 40

// tokenize cuts a text into what the search finds it by: words in lower case, without accents, compatibility forms as what they
// stand for. Scripts that have no spaces between words are cut into pairs of characters; the characters themselves come after all
// pairs, so that one alone is found too.
func tokenize(text string) []string {
	var tokens, singles []string
	var word, run []rune
	end := func() {
		if len(word) > 0 {
			tokens = append(tokens, string(word[:min(len(word), maxToken)]))
			word = word[:0]
		}
		for i := range run {
			if i+1 < len(run) {
				tokens = append(tokens, string(run[i:i+2]))
			}
			singles = append(singles, string(run[i]))
		}
		run = run[:0]
	}
	for _, r := range norm.NFKD.String(text) {
		switch {
		case unicode.Is(unicode.Mn, r):
		case spaceless(r):
			if len(word) > 0 {
				end()
			}
			run = append(run, r)
		case unicode.IsLetter(r) || unicode.IsNumber(r):
			if len(run) > 0 {
				end()
			}
			word = append(word, unicode.ToLower(r))
		default:
			end()
		}
	}
	end()
	return append(tokens, singles...)
}

// spaceless reports characters of scripts that are written without spaces between words.
func spaceless(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer, unicode.Myanmar)
}

// phraseOf are the tokens that stand in a row where a text stands: without the single characters of a run that has pairs.
func phraseOf(text string) []string {
	tokens := tokenize(text)
	pairs := 0
	for _, t := range tokens {
		if r := []rune(t); len(r) == 2 && spaceless(r[0]) {
			pairs++
		}
	}
	if pairs == 0 {
		return tokens
	}
	kept := tokens[:0]
	for _, t := range tokens {
		if r := []rune(t); len(r) != 1 || !spaceless(r[0]) {
			kept = append(kept, t)
		}
	}
	return kept
}

// The tokens that stand for what is not in the text. What somebody writes cannot do harm by looking like one: who may read is
// decided elsewhere.
func roomToken(id string) string   { return "xroom" + plain(id) }
func senderToken(id string) string { return "xfrom" + plain(id) }

const linkToken = "xhaslink"

func mentionToken(id string) string { return "xat" + plain(id) }

func plain(id string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, id)
}

// documentTokens are those that a message is found by.
// A message of a thread is found in the thread's parent too.
func documentTokens(m *Message, parentID string) []string {
	tokens := []string{roomToken(m.RoomID), senderToken(m.SenderID)}
	if parentID != "" {
		tokens = append(tokens, roomToken(parentID))
	}
	if strings.Contains(m.Text, "http://") || strings.Contains(m.Text, "https://") {
		tokens = append(tokens, linkToken)
	}
	if m.Mentions != nil {
		for _, id := range m.Mentions.UserIDs {
			tokens = append(tokens, mentionToken(id))
		}
		if m.Mentions.All {
			tokens = append(tokens, mentionToken("all"))
		}
	}
	text := markdown.Searchable(m.Text)
	if m.Forward != nil {
		text += "\n" + markdown.Searchable(m.Forward.Text)
	}
	if m.Poll != nil {
		for _, o := range m.Poll.Options {
			text += "\n" + o.Text
		}
	}
	return append(tokens, tokenize(text)...)
}
