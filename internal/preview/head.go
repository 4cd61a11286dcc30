package preview

import (
	"fmt"
	"io"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/net/html"
	"golang.org/x/net/html/atom"
	"golang.org/x/net/html/charset"
)

// The lengths of what is shown, in characters.
const (
	maxTitle       = 200
	maxDescription = 300
	// maxMetas is how many descriptions a head may have: beyond, nobody means them.
	maxMetas = 200
	// maxToken bounds one tag or text of a page, in bytes.
	maxToken = 64 << 10
)

// head is what a page's head says, by property.
type head map[string]string

// readHead reads a page until its head is over. label is the charset that the server named, if any.
func readHead(page io.Reader, label string) (head, error) {
	contentType := "text/html"
	if label != "" {
		contentType += "; charset=" + label
	}
	text, err := charset.NewReader(page, contentType)
	if err != nil {
		return nil, fmt.Errorf("preview: %w", err)
	}
	z := html.NewTokenizer(text)
	z.SetMaxBuf(maxToken)
	out := head{}
	inTitle := false
	for metas := 0; metas < maxMetas; {
		switch z.Next() {
		case html.ErrorToken: // the end, or what cannot be read
			return out, nil
		case html.StartTagToken, html.SelfClosingTagToken:
			t := z.Token()
			switch t.DataAtom {
			case atom.Meta:
				metas++
				out.meta(t)
			case atom.Title:
				inTitle = out["title"] == ""
			case atom.Body:
				return out, nil
			}
		case html.EndTagToken:
			t := z.Token()
			if t.DataAtom == atom.Head {
				return out, nil
			}
			inTitle = inTitle && t.DataAtom != atom.Title
		case html.TextToken:
			if inTitle {
				out["title"] += string(z.Text())
			}
		}
	}
	return out, nil
}

// meta keeps the first of each property.
func (h head) meta(t html.Token) {
	var key, content string
	for _, a := range t.Attr {
		switch a.Key {
		case "property", "name":
			if key == "" {
				key = strings.ToLower(strings.TrimSpace(a.Val))
			}
		case "content":
			content = a.Val
		}
	}
	if key != "" && key != "title" && h[key] == "" {
		h[key] = content
	}
}

// first is the first of some texts that says something, as much of it as is shown.
func first(length int, texts ...string) string {
	for _, t := range texts {
		if t = clip(t, length); t != "" {
			return t
		}
	}
	return ""
}

// clip makes a text one line of at most so many characters, without those that control how it is shown.
func clip(text string, length int) string {
	text = strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case r == utf8.RuneError || unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r):
			return -1
		}
		return r
	}, text)), " ")
	if utf8.RuneCountInString(text) > length {
		return string([]rune(text)[:length-1]) + "…"
	}
	return text
}
