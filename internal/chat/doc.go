// Package chat is the product's vocabulary: people, rooms, messages, and the rules that hold for them whatever door a request
// came through. Each noun has a file: its type, its rules and its SQL together.
//
// What it promises: an acknowledged message is committed; the same client id never makes a second message; the messages of a
// room are numbered without gaps in the order of their commits, and published in that order.
//
// A [Chat] may be used from any goroutine. One goroutine, the committer, writes messages; Close waits for it.
package chat
