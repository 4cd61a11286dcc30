package markdown

import (
	"html"
	"strconv"
	"strings"
)

// tags are the elements of the nodes that are nothing but an element.
var tags = map[Kind]string{
	Paragraph: "p", Quote: "blockquote", Bullets: "ul", Numbers: "ol", Item: "li", Table: "table", Row: "tr", Em: "em", Strong: "strong", Del: "del",
}

// HTML is a message for a mail or an export: only elements and attributes of its own, everything else escaped.
func HTML(source string) string {
	var b strings.Builder
	writeHTML(&b, Parse(source))
	return b.String()
}

func writeHTML(b *strings.Builder, nodes []Node) {
	for _, n := range nodes {
		switch n.Kind {
		case Text:
			b.WriteString(html.EscapeString(n.Text))
		case Code:
			b.WriteString("<code>" + html.EscapeString(n.Text) + "</code>")
		case CodeBlock:
			b.WriteString("<pre><code>" + html.EscapeString(n.Text) + "</code></pre>")
		case Mention:
			b.WriteString("<b>@" + html.EscapeString(n.Text) + "</b>")
		case Emoji:
			b.WriteString(":" + html.EscapeString(n.Text) + ":")
		case Break:
			b.WriteString("<br>")
		case Rule:
			b.WriteString("<hr>")
		case Heading:
			level := strconv.Itoa(n.Level)
			element(b, "h"+level, "", n)
		case Spoiler:
			b.WriteString("<details><summary>Spoiler</summary>")
			writeHTML(b, n.Children)
			b.WriteString("</details>")
		case Link:
			element(b, "a", ` rel="noopener noreferrer nofollow" href="`+html.EscapeString(n.Href)+`"`, n)
		case Cell:
			element(b, "td", "", n)
		case Numbers:
			attributes := ""
			if n.Start != 0 {
				attributes = ` start="` + strconv.Itoa(max(n.Start, 0)) + `"`
			}
			element(b, "ol", attributes, n)
		case Item:
			b.WriteString("<li>")
			if n.Checked != nil {
				b.WriteString(map[bool]string{true: "☑ ", false: "☐ "}[*n.Checked])
			}
			writeHTML(b, n.Children)
			b.WriteString("</li>")
		default:
			element(b, tags[n.Kind], "", n)
		}
	}
}

func element(b *strings.Builder, name, attributes string, n Node) {
	b.WriteString("<" + name + attributes + ">")
	writeHTML(b, n.Children)
	b.WriteString("</" + name + ">")
}
