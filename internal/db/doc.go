// Package db opens the database, brings its schema up to date and runs transactions. It knows no nouns of the product.
//
// SQLite has one writing connection, because it has one writer anyway and waiting in a queue beats retrying on a busy lock, and
// a pool of readers, which WAL lets read while a write commits. All of it may be used from any goroutine.
package db
