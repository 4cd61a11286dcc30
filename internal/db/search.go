package db

import (
	"context"
	"database/sql"
)

// createSearch makes the index of the full-text search. Both databases are fed the same tokens, which the caller makes; how they
// keep them differs.
func (d Dialect) createSearch(ctx context.Context, tx *sql.Tx) error {
	statements := []string{
		`CREATE TABLE search_docs (doc BIGINT PRIMARY KEY, room_id TEXT NOT NULL, seq BIGINT NOT NULL)`,
		`CREATE UNIQUE INDEX search_docs_by_seq ON search_docs (room_id, seq)`,
		`CREATE VIRTUAL TABLE search USING fts5(tokens, content='', contentless_delete=1, detail=full, tokenize="unicode61 remove_diacritics 0 tokenchars '_:'")`,
	}
	if d == Postgres {
		statements = []string{
			`CREATE TABLE search_docs (doc BIGINT PRIMARY KEY, room_id TEXT NOT NULL, seq BIGINT NOT NULL, tokens TSVECTOR NOT NULL)`,
			`CREATE UNIQUE INDEX search_docs_by_seq ON search_docs (room_id, seq)`,
			`CREATE INDEX search_docs_by_token ON search_docs USING GIN (tokens)`,
		}
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}
