// Package db opens the database, brings its schema up to date and runs transactions. It knows no nouns of the product.
//
// There are two databases, SQLite and Postgres, and one text of SQL for both; [Dialect] holds what really differs. SQLite has one
// writing connection, because it has one writer anyway and waiting in a queue beats retrying on a busy lock, and a pool of
// readers, which WAL lets read while a write commits. Postgres has one pool for both.
//
// Statements are prepared once and kept, so their texts must be constants, or few. All of it may be used from any goroutine.
package db
