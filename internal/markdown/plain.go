package markdown

import (
	"slices"
	"strconv"
	"strings"
)

// isPlain reports a text that can be nothing but itself. It may err in saying no.
func isPlain(source string) bool {
	return source == "" || !strings.ContainsAny(source, "\\`*_~|<[#>\n\r") && strings.IndexByte(" \t-+=0123456789", source[0]) < 0
}

// Plain is what a message says, for notifications and for screen readers. Spoilers are not in it; addresses of links are, where they are
// not their text.
func Plain(source string) string { return plain(source, "█████") }

// Searchable is Plain with what stands in spoilers.
func Searchable(source string) string { return plain(source, "") }

// writer writes what nodes say.
type writer struct {
	strings.Builder

	spoiler string // what stands for one; empty: what is in it
}

func plain(source, spoiler string) string {
	if isPlain(source) {
		return source
	}
	w := &writer{spoiler: spoiler}
	w.blocks(Parse(source), "")
	return strings.TrimSuffix(w.String(), "\n")
}

func (w *writer) blocks(nodes []Node, indent string) {
	for _, n := range nodes {
		switch n.Kind {
		case Quote:
			w.blocks(n.Children, indent+"> ")
		case Bullets, Numbers:
			w.list(n, indent)
		case CodeBlock:
			for line := range strings.SplitSeq(n.Text, "\n") {
				w.WriteString(indent + line + "\n")
			}
		case Rule:
			w.WriteString(indent + "---\n")
		case Table:
			for _, row := range n.Children {
				w.WriteString(indent)
				for i, cell := range row.Children {
					if i > 0 {
						w.WriteString(" | ")
					}
					w.inline(cell.Children, indent)
				}
				w.WriteString("\n")
			}
		default:
			w.WriteString(indent)
			w.inline(n.Children, indent)
			w.WriteString("\n")
		}
	}
}

func (w *writer) list(list Node, indent string) {
	number := max(list.Start, 0)
	if list.Start == 0 {
		number = 1
	}
	for _, item := range list.Children {
		mark := "- "
		if list.Kind == Numbers {
			mark = strconv.Itoa(number) + ". "
			number++
		}
		if item.Checked != nil {
			mark += map[bool]string{true: "[x] ", false: "[ ] "}[*item.Checked]
		}
		inside := writer{spoiler: w.spoiler}
		inside.blocks(item.Children, indent+strings.Repeat(" ", len(mark)))
		if inside.Len() == 0 {
			w.WriteString(indent + strings.TrimRight(mark, " ") + "\n")
			continue
		}
		w.WriteString(indent + mark + strings.TrimPrefix(inside.String(), indent+strings.Repeat(" ", len(mark))))
	}
}

func (w *writer) inline(nodes []Node, indent string) {
	for _, n := range nodes {
		switch n.Kind {
		case Text, Code:
			w.WriteString(n.Text)
		case Break:
			w.WriteString("\n" + indent)
		case Mention:
			w.WriteString("@" + n.Text)
		case Emoji:
			w.WriteString(":" + n.Text + ":")
		case Spoiler:
			if w.spoiler == "" {
				w.inline(n.Children, indent)
			}
			w.WriteString(w.spoiler)
		case Link:
			w.inline(n.Children, indent)
			if len(n.Children) != 1 || n.Children[0].Text != strings.TrimPrefix(n.Href, "mailto:") {
				w.WriteString(" (" + n.Href + ")")
			}
		default:
			w.inline(n.Children, indent)
		}
	}
}

// Mentions are the names that a message mentions, in their order: not those in code.
func Mentions(source string) []string {
	var out []string
	walk(Parse(source), func(n Node) bool {
		if n.Kind == Mention {
			out = append(out, n.Text)
		}
		return true
	})
	return out
}

// Links are the addresses that a message links to, in their order, each once: not those in code or spoilers.
func Links(source string) []string {
	var out []string
	walk(Parse(source), func(n Node) bool {
		if n.Kind == Link && !slices.Contains(out, n.Href) && !strings.HasPrefix(strings.ToLower(n.Href), "mailto:") {
			out = append(out, n.Href)
		}
		return n.Kind != Spoiler
	})
	return out
}

// walk visits nodes, and those below where it is told to.
func walk(nodes []Node, visit func(Node) (below bool)) {
	for _, n := range nodes {
		if visit(n) {
			walk(n.Children, visit)
		}
	}
}
