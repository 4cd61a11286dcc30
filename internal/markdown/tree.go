package markdown

// Kind is what a node is.
type Kind string

// The kinds of blocks. Items of lists hold blocks, rows of tables hold cells, the others hold inline nodes.
const (
	Paragraph Kind = "p"
	Heading   Kind = "h"
	Quote     Kind = "quote"
	Bullets   Kind = "ul"
	Numbers   Kind = "ol"
	Item      Kind = "li"
	CodeBlock Kind = "pre"
	Rule      Kind = "hr"
	Table     Kind = "table"
	Row       Kind = "row" // the first one of a table is its head
	Cell      Kind = "cell"
)

// The kinds of inline nodes.
const (
	Text    Kind = "text"
	Em      Kind = "em"
	Strong  Kind = "strong"
	Del     Kind = "del"
	Spoiler Kind = "spoiler"
	Code    Kind = "code"
	Link    Kind = "link"
	Break   Kind = "br"
	Mention Kind = "mention" // Text is the name, without the @
	Emoji   Kind = "emoji"   // Text is the name, without the colons; it may be no emoji at all
)

// Node is a node of the tree, as JSON as the web client has it.
type Node struct {
	Kind     Kind     `json:"t"`
	Text     string   `json:"text,omitempty"` // of text, code, code blocks, mentions and emoji
	Href     string   `json:"href,omitempty"` // of links: http, https or mailto
	Lang     string   `json:"lang,omitempty"` // of code blocks
	Level    int      `json:"level,omitempty"`
	Start    int      `json:"start,omitempty"`   // of numbers: the first one, when it is not 1; -1 stands for 0
	Checked  *bool    `json:"checked,omitempty"` // of items of a task list
	Align    []string `json:"align,omitempty"`   // of tables, by column: left, right, center or empty
	Children []Node   `json:"c,omitempty"`
}
