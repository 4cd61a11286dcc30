package markdown

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// urlPattern is a bare address. Its end is trimmed by trimURL.
var urlPattern = regexp.MustCompile(`https?://[^\s<>` + "`" + `]+`)

// urlParser links bare addresses before anything in them is taken for markup. Goldmark asks it only where a word may begin: the others
// are found by linked.
type urlParser struct{}

func (urlParser) Trigger() []byte { return []byte(` !"#$%&'()*+,-./:;=?@[]^_{|}~`) }

func (urlParser) Parse(parent ast.Node, block text.Reader, _ parser.Context) ast.Node {
	line, segment := block.PeekLine()
	before := 0
	if line[0] != 'h' {
		before = 1
	}
	at := urlPattern.FindIndex(line[before:])
	if at == nil || at[0] != 0 {
		return nil
	}
	n := len(trimURL(string(line[before : before+at[1]])))
	if n == 0 {
		return nil
	}
	if before > 0 {
		ast.MergeOrAppendTextSegment(parent, segment.WithStop(segment.Start+before))
	}
	block.Advance(before + n)
	start := segment.Start + before
	return ast.NewAutoLink(ast.AutoLinkURL, ast.NewTextSegment(text.NewSegment(start, start+n)))
}

// trimURL leaves away what ends the sentence and not the address.
func trimURL(url string) string {
	for url != "" {
		last := url[len(url)-1]
		if strings.IndexByte(`.,:;!?'"*_~|]`, last) >= 0 || last == ')' && strings.Count(url, ")") > strings.Count(url, "(") {
			url = url[:len(url)-1]
			continue
		}
		break
	}
	if strings.HasSuffix(url, "://") || strings.HasSuffix(url, ":/") {
		return ""
	}
	return url
}

// safe reports whether an address may be linked.
var safe = regexp.MustCompile(`^(?i:https?://[^\s]|mailto:[^\s])`)

func (r *reader) inline(parent ast.Node) []Node {
	return finish(r.raw(parent, nil))
}

// raw are the inline nodes below a node, texts not yet put together.
func (r *reader) raw(parent ast.Node, out []Node) []Node {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		switch n := n.(type) {
		case *ast.Text:
			value := n.Segment.Value(r.src)
			if !n.IsRaw() {
				value = util.UnescapePunctuations(value)
			}
			out = append(out, Node{Kind: Text, Text: string(value)})
			if n.SoftLineBreak() || n.HardLineBreak() {
				out = append(out, Node{Kind: Break})
			}
		case *ast.String:
			out = append(out, Node{Kind: Text, Text: string(n.Value)})
		case *ast.CodeSpan:
			out = append(out, Node{Kind: Code, Text: r.span(n)})
		case *ast.Emphasis:
			kind := Em
			if n.Level == 2 {
				kind = Strong
			}
			out = append(out, Node{Kind: kind, Children: r.inline(n)})
		case *extast.Strikethrough:
			out = append(out, Node{Kind: Del, Children: r.inline(n)})
		case *ast.Link:
			out = r.link(n, string(n.Destination), out)
		case *ast.Image:
			out = r.link(n, string(n.Destination), out)
		case *ast.AutoLink:
			out = autolink(string(n.Label(r.src)), out)
		}
	}
	return out
}

// span is the text of a code span: its line breaks are spaces.
func (r *reader) span(n ast.Node) string {
	var b strings.Builder
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if t, ok := c.(*ast.Text); ok {
			b.WriteString(strings.ReplaceAll(string(t.Segment.Value(r.src)), "\n", " "))
		}
	}
	return b.String()
}

// link is a link or a picture; one to where no message may lead is its text.
func (r *reader) link(n ast.Node, href string, out []Node) []Node {
	if !safe.MatchString(href) {
		return r.raw(n, out)
	}
	c := merged(unlinked(r.inline(n)))
	if len(c) == 0 {
		c = []Node{{Kind: Text, Text: href}}
	}
	return append(out, Node{Kind: Link, Href: href, Children: c})
}

// unlinked are nodes without the links among them: a picture in a link, or an address in its text.
func unlinked(nodes []Node) []Node {
	var out []Node
	for _, n := range nodes {
		if n.Kind == Link {
			out = append(out, n.Children...)
			continue
		}
		n.Children = unlinked(n.Children)
		out = append(out, n)
	}
	return out
}

func autolink(address string, out []Node) []Node {
	href := address
	if !strings.Contains(address, ":") {
		href = "mailto:" + address
	}
	if !safe.MatchString(href) {
		return append(out, Node{Kind: Text, Text: "<" + address + ">"})
	}
	return append(out, Node{Kind: Link, Href: href, Children: []Node{{Kind: Text, Text: address}}})
}

// finish puts texts together and finds in them what no grammar of Markdown knows.
func finish(nodes []Node) []Node {
	return named(spoilers(linked(merged(nodes))))
}

// merged puts neighbouring texts together, and drops the spaces at the ends of lines and breaks at the end.
func merged(nodes []Node) []Node {
	var out []Node
	for _, n := range nodes {
		last := len(out) - 1
		switch {
		case n.Kind == Text && n.Text == "":
		case n.Kind == Text && last >= 0 && out[last].Kind == Text:
			out[last].Text += n.Text
		default:
			out = append(out, n)
		}
	}
	return out
}

// trimmed is a block's content without the spaces at its lines' ends and without breaks at its end.
func trimmed(nodes []Node) []Node {
	var out []Node
	for i, n := range nodes {
		if n.Kind == Text {
			if i == 0 || nodes[i-1].Kind == Break {
				n.Text = strings.TrimLeft(n.Text, " \t")
			}
			if i == len(nodes)-1 || nodes[i+1].Kind == Break {
				n.Text = strings.TrimRight(n.Text, " \t")
			}
		}
		if n.Kind != Text || n.Text != "" {
			out = append(out, n)
		}
	}
	for len(out) > 0 && out[len(out)-1].Kind == Break {
		out = out[:len(out)-1]
	}
	return out
}

// linked finds the addresses in texts that the grammar has not seen.
func linked(nodes []Node) []Node {
	var out []Node
	for _, n := range nodes {
		if n.Kind != Text || !strings.Contains(n.Text, "://") {
			out = append(out, n)
			continue
		}
		done := 0
		for _, m := range urlPattern.FindAllStringIndex(n.Text, -1) {
			url := trimURL(n.Text[m[0]:m[1]])
			if url == "" {
				continue
			}
			if m[0] > done {
				out = append(out, Node{Kind: Text, Text: n.Text[done:m[0]]})
			}
			out = autolink(url, out)
			done = m[0] + len(url)
		}
		if done < len(n.Text) {
			out = append(out, Node{Kind: Text, Text: n.Text[done:]})
		}
	}
	return out
}

// spoilers makes what stands between two || one node.
func spoilers(nodes []Node) []Node {
	var out []Node
	open := -1 // index in out of the text that ends before a ||
	for _, n := range nodes {
		if n.Kind != Text {
			out = append(out, n)
			continue
		}
		for i, part := range strings.Split(n.Text, "||") {
			if i > 0 {
				switch {
				case open >= 0 && len(out) > open: // something stands between them
					inside := append([]Node(nil), out[open:]...)
					out = append(out[:open], Node{Kind: Spoiler, Children: inside})
					open = -1
				case open >= 0: // nothing does: they are text
					out = append(out, Node{Kind: Text, Text: "||||"})
					open = -1
				default:
					open = len(out)
				}
			}
			if part != "" {
				out = append(out, Node{Kind: Text, Text: part})
			}
		}
	}
	if open >= 0 { // one that is never closed
		rest := append([]Node{{Kind: Text, Text: "||"}}, out[open:]...)
		out = append(out[:open], rest...)
	}
	return merged(out)
}

// namePattern is a mention or an emoji, with what stands before it.
var namePattern = regexp.MustCompile(`(^|[^\p{L}\p{N}_@/.])(?:@([\p{L}\p{N}][\p{L}\p{N}_.\-]{0,63})|:([a-z0-9_+\-]{1,32}):)`)

// named finds mentions and emoji in texts.
func named(nodes []Node) []Node {
	var out []Node
	for _, n := range nodes {
		if n.Kind != Text || !strings.ContainsAny(n.Text, "@:") {
			if n.Kind == Spoiler { // made of texts that nobody has looked into
				n.Children = named(n.Children)
			}
			out = append(out, n)
			continue
		}
		done := 0
		for _, m := range namePattern.FindAllStringSubmatchIndex(n.Text, -1) {
			name, start, end := Node{Kind: Emoji}, m[3], m[1]
			if m[4] >= 0 {
				name.Kind, name.Text = Mention, strings.TrimRight(n.Text[m[4]:m[5]], ".-_")
				end = m[4] + len(name.Text)
			} else {
				name.Text = n.Text[m[6]:m[7]]
			}
			if start > done {
				out = append(out, Node{Kind: Text, Text: n.Text[done:start]})
			}
			out = append(out, name)
			done = end
		}
		if done < len(n.Text) {
			out = append(out, Node{Kind: Text, Text: n.Text[done:]})
		}
	}
	return out
}
