package db

import (
	"context"
	"database/sql"
	"strconv"
	"strings"
)

// createSearch makes the index of the full-text search. Both databases are fed the same tokens, which the caller makes; how they
// keep them differs.
func (d Dialect) createSearch(ctx context.Context, tx *sql.Tx) error {
	statements := []string{
		`CREATE TABLE search_docs (doc BIGINT PRIMARY KEY, room_id TEXT NOT NULL, seq BIGINT NOT NULL, created_at BIGINT NOT NULL)`,
		`CREATE UNIQUE INDEX search_docs_by_seq ON search_docs (room_id, seq)`,
		`CREATE VIRTUAL TABLE search USING fts5(tokens, content='', contentless_delete=1, detail=full, tokenize="unicode61 remove_diacritics 0 categories 'L* N* M* Co'")`,
	}
	if d == Postgres {
		statements = []string{
			`CREATE TABLE search_docs (doc BIGINT PRIMARY KEY, room_id TEXT NOT NULL, seq BIGINT NOT NULL, created_at BIGINT NOT NULL,
				tokens TSVECTOR NOT NULL)`,
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

// SearchIndex is how the tokens of a document are kept and found.
type SearchIndex struct {
	// Put keeps a new document's tokens, given as Tokens writes them: doc, room, seq, created_at, tokens.
	Put []string
	// Drop forgets a document: doc.
	Drop []string
	// Find are queries for documents, the newest first, to be tried in turn until one has enough: query, doc below which to look,
	// limit, user, and the bounds of created_at, both exclusive.
	Find []string
	// FindIn is Find for one room, the seventh argument.
	FindIn []string
	// Settings are made for the transaction of each way; empty for none.
	Settings []string
}

// Find runs one way of finding with its settings and gives its rows to scan.
func (d *DB) Find(ctx context.Context, setting, text string, args []any, scan func(*sql.Rows) error) error {
	if setting == "" {
		rows, err := d.Query(ctx, text, args...)
		_, err = Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error { return scan(rows) })
		return err
	}
	tx, err := d.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // it was only read
	if _, err := tx.ExecContext(ctx, setting); err != nil {
		return err
	}
	rows, err := tx.QueryContext(ctx, text, args...)
	_, err = Scan(rows, err, func(rows *sql.Rows, _ *struct{}) error { return scan(rows) })
	return err
}

// The reader's membership is in the query: nothing is found that they may not read. It is a value, not a join, so that documents come
// in the order in which they are walked through, and the walk ends when there are enough.
const findReadable = `WHERE d.created_at > $5 AND d.created_at < $6 AND (SELECT COALESCE(r.root_seq, d.seq) > m.from_seq FROM rooms r
	JOIN memberships m ON m.room_id = COALESCE(r.parent_id, r.id) AND m.user_id = $4 AND m.left_seq IS NULL WHERE r.id = d.room_id) `

// walk goes back over the newest documents.
func walk(which string) string {
	return `SELECT d.doc, d.room_id, d.seq FROM (SELECT * FROM search_docs WHERE ` + which + ` DESC LIMIT 500) d ` +
		findReadable + `AND d.tokens @@ CAST($1 AS text)::tsquery ORDER BY d.doc DESC LIMIT $3`
}

// lookUp asks the index.
func lookUp(which string) string {
	return `SELECT d.doc, d.room_id, d.seq FROM (SELECT doc, room_id, seq, created_at FROM search_docs
		WHERE tokens @@ CAST($1 AS text)::tsquery AND doc < $2 ` + which + `ORDER BY doc DESC OFFSET 0) d ` + findReadable + `ORDER BY d.doc DESC LIMIT $3`
}

// Search is how this database does it.
func (d Dialect) Search() SearchIndex {
	if d == Postgres {
		return SearchIndex{
			Put:  []string{`INSERT INTO search_docs (doc, room_id, seq, created_at, tokens) VALUES ($1, $2, $3, $4, CAST($5 AS text)::tsvector)`},
			Drop: []string{`DELETE FROM search_docs WHERE doc = $1`},
			// Frequent words are met soon by walking back from the newest message, others among the newest by the index, and of seldom
			// ones the index names all there are.
			Find: []string{walk(`doc < $2 ORDER BY doc`), lookUp(`AND doc > $2 - 10000 `), lookUp(`AND doc > $2 - 100000 `), lookUp(``)},
			FindIn: []string{
				walk(`room_id = $7 AND doc < $2 ORDER BY seq`), lookUp(`AND room_id = $7 AND doc > $2 - 10000 `),
				lookUp(`AND room_id = $7 AND doc > $2 - 100000 `), lookUp(`AND room_id = $7 `),
			},
			// The planner takes every search for a frequent one and would walk: only the first way is to.
			Settings: []string{``, `SET LOCAL enable_indexscan = off`, `SET LOCAL enable_indexscan = off`, `SET LOCAL enable_indexscan = off`},
		}
	}
	find := `SELECT d.doc, d.room_id, d.seq FROM search s CROSS JOIN search_docs d ` + findReadable +
		`AND d.doc = s.rowid AND s.tokens MATCH $1 AND s.rowid < $2 `
	return SearchIndex{
		Put: []string{
			`INSERT INTO search_docs (doc, room_id, seq, created_at) VALUES ($1, $2, $3, $4)`,
			`INSERT INTO search (rowid, tokens) VALUES ($1, $5)`,
		},
		Drop:     []string{`DELETE FROM search_docs WHERE doc = $1`, `DELETE FROM search WHERE rowid = $1`},
		Find:     []string{find + `ORDER BY s.rowid DESC LIMIT $3`},
		FindIn:   []string{find + `AND d.room_id = $7 ORDER BY s.rowid DESC LIMIT $3`},
		Settings: []string{``},
	}
}

// Tokens writes the tokens of a document, in their order, as the index wants them.
func (d Dialect) Tokens(tokens []string) string {
	if d == SQLite {
		return strings.Join(tokens, " ")
	}
	var b strings.Builder
	for i, t := range tokens {
		b.WriteString("'" + t + "':" + strconv.Itoa(min(i+1, maxPosition)) + " ")
	}
	return b.String()
}

// maxPosition is the last position that Postgres can keep.
const maxPosition = 16383

// Match writes a query: all groups must match, of a group any phrase, of a phrase all tokens in a row.
func (d Dialect) Match(groups [][][]string) string {
	and, or, row, quote := " AND ", " OR ", " ", `"`
	if d == Postgres {
		and, or, row, quote = " & ", " | ", "' <-> '", "'"
	}
	all := make([]string, len(groups))
	for i, phrases := range groups {
		either := make([]string, len(phrases))
		for j, tokens := range phrases {
			either[j] = "(" + quote + strings.Join(tokens, row) + quote + ")"
		}
		all[i] = "(" + strings.Join(either, or) + ")"
	}
	return strings.Join(all, and)
}

// Used are the arguments that a statement names, for databases that want no others: those up to the last one.
func Used(text string, args []any) []any {
	for n := len(args); n > 0; n-- {
		if strings.Contains(text, "$"+strconv.Itoa(n)) {
			return args[:n]
		}
	}
	return nil
}
