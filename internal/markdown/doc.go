// Package markdown reads what people write in messages: CommonMark with tables, strikethrough, task lists, spoilers (||so||),
// mentions (@name) and emoji (:name:).
//
// A text becomes one tree of a few kinds of nodes. The web client makes the same tree of it (web/src/markdown), which a common table
// of cases holds both to, so that a message looks the same wherever it is rendered. The dialect leaves out what a chat cannot want:
// HTML is text, pictures are links, entities stand for themselves, a line break is one, and only http, https and mailto are linked.
//
// All functions are pure, never fail, and take time in proportion to the text. They may be called at the same time.
package markdown
