// Package transfer brings conversations in from other systems, and all of a server's, or one person's, out.
//
// An archive of another system is a [Source]: people, rooms and messages in the order of their time, with ids of their own. What is
// brought in keeps them, as client ids that are unique for ever, so that bringing the same archive in again, or after it was interrupted,
// adds only what is missing. An archive is not trusted: nothing of it becomes a path, sizes are bounded, and what cannot be understood
// is counted and told, not guessed.
package transfer
