package markdown

import (
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

var grammar = parser.NewParser(
	parser.WithBlockParsers(
		util.Prioritized(parser.NewSetextHeadingParser(), 100),
		util.Prioritized(parser.NewThematicBreakParser(), 200),
		util.Prioritized(parser.NewListParser(), 300),
		util.Prioritized(parser.NewListItemParser(), 400),
		util.Prioritized(parser.NewCodeBlockParser(), 500),
		util.Prioritized(parser.NewATXHeadingParser(), 600),
		util.Prioritized(parser.NewFencedCodeBlockParser(), 700),
		util.Prioritized(parser.NewBlockquoteParser(), 800),
		util.Prioritized(parser.NewParagraphParser(), 1000),
	),
	parser.WithInlineParsers(
		util.Prioritized(parser.NewCodeSpanParser(), 100),
		util.Prioritized(parser.NewLinkParser(), 200),
		util.Prioritized(parser.NewAutoLinkParser(), 300),
		util.Prioritized(parser.NewEmphasisParser(), 500),
		util.Prioritized(extension.NewStrikethroughParser(), 500),
		util.Prioritized(urlParser{}, 999),
	),
	parser.WithParagraphTransformers(
		util.Prioritized(parser.LinkReferenceParagraphTransformer, 100),
		util.Prioritized(extension.NewTableParagraphTransformer(), 200),
	),
	parser.WithASTTransformers(util.Prioritized(extension.NewTableASTTransformer(), 0)),
)

// Parse reads a message.
func Parse(source string) []Node {
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	if tooDeep.MatchString(source) { // no message, and parsers take a time that grows with the square of the depth
		return literal(source)
	}
	src := []byte(source)
	return (&reader{src}).blocks(grammar.Parse(text.NewReader(src)))
}

// tooDeep is a line that opens more quotes and lists than a message has.
var tooDeep = regexp.MustCompile(`(?m)^(?:[ \t]*(?:>|[-+*][ \t]|[0-9]{1,9}[.)][ \t])){13}`)

// literal is a text without any markup.
func literal(source string) []Node {
	var inline []Node
	for i, line := range strings.Split(source, "\n") {
		if i > 0 {
			inline = append(inline, Node{Kind: Break})
		}
		if line != "" {
			inline = append(inline, Node{Kind: Text, Text: line})
		}
	}
	return []Node{{Kind: Paragraph, Children: inline}}
}

// reader makes our tree of goldmark's.
type reader struct{ src []byte }

func (r *reader) blocks(parent ast.Node) []Node {
	var out []Node
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if b, ok := r.block(n); ok {
			out = append(out, b)
		}
	}
	return out
}

func (r *reader) block(n ast.Node) (Node, bool) {
	switch n := n.(type) {
	case *ast.Paragraph, *ast.TextBlock:
		c := trimmed(r.inline(n))
		return Node{Kind: Paragraph, Children: c}, len(c) > 0
	case *ast.Heading:
		return Node{Kind: Heading, Level: n.Level, Children: trimmed(r.inline(n))}, true
	case *ast.Blockquote:
		return Node{Kind: Quote, Children: r.blocks(n)}, true
	case *ast.List:
		return r.list(n), true
	case *ast.FencedCodeBlock:
		return Node{Kind: CodeBlock, Lang: string(util.UnescapePunctuations(n.Language(r.src))), Text: r.lines(n)}, true
	case *ast.CodeBlock:
		return Node{Kind: CodeBlock, Text: r.lines(n)}, true
	case *ast.ThematicBreak:
		return Node{Kind: Rule}, true
	case *extast.Table:
		return r.table(n), true
	}
	return Node{}, false // definitions of links
}

func (r *reader) list(n *ast.List) Node {
	out := Node{Kind: Bullets}
	if n.IsOrdered() {
		out.Kind = Numbers
		switch n.Start {
		case 0:
			out.Start = -1
		case 1:
		default:
			out.Start = n.Start
		}
	}
	for item := n.FirstChild(); item != nil; item = item.NextSibling() {
		li := Node{Kind: Item, Children: r.blocks(item)}
		li.tick()
		out.Children = append(out.Children, li)
	}
	return out
}

var box = regexp.MustCompile(`^\[([ xX])\][ \t]+`)

// tick makes an item that begins with a box one of a task list. A box that nothing stands behind is text.
func (n *Node) tick() {
	if len(n.Children) == 0 || n.Children[0].Kind != Paragraph {
		return
	}
	inline := n.Children[0].Children
	if len(inline) == 0 || inline[0].Kind != Text {
		return
	}
	m := box.FindStringSubmatch(inline[0].Text)
	if m == nil || len(m[0]) == len(inline[0].Text) && (len(inline) == 1 || inline[1].Kind == Break) {
		return
	}
	checked := m[1] != " "
	n.Checked = &checked
	inline[0].Text = inline[0].Text[len(m[0]):]
	if inline[0].Text == "" {
		n.Children[0].Children = inline[1:]
	}
}

func (r *reader) table(n *extast.Table) Node {
	out := Node{Kind: Table}
	for _, a := range n.Alignments {
		out.Align = append(out.Align, strings.TrimPrefix(a.String(), "none"))
	}
	for row := n.FirstChild(); row != nil; row = row.NextSibling() {
		line := Node{Kind: Row}
		for cell := row.FirstChild(); cell != nil; cell = cell.NextSibling() {
			line.Children = append(line.Children, Node{Kind: Cell, Children: trimmed(r.inline(cell))})
		}
		out.Children = append(out.Children, line)
	}
	return out
}

// lines is the text of a code block, without the line breaks at its end.
func (r *reader) lines(n ast.Node) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		line := n.Lines().At(i)
		b.Write(line.Value(r.src))
	}
	return strings.TrimRight(b.String(), "\n")
}
