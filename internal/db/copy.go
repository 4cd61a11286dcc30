package db

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// rebuilt are the tables that need not be copied: the search finds out anew what it has to know, and the schema and what is remembered of it
// have their own versions.
func rebuilt(table string) bool {
	return strings.HasPrefix(table, "search") || strings.HasPrefix(table, "sqlite_") || table == "goose_db_version" || table == "access_version"
}

// Tables lists the tables that hold data, those that others refer to first. The list is the schema's, so that none can be forgotten.
func (d *DB) Tables(ctx context.Context) ([]string, error) {
	text := `SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name`
	if d.Dialect == Postgres {
		text = `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY 1`
	}
	rows, err := d.read.QueryContext(ctx, text)
	names, err := Scan(rows, err, func(rows *sql.Rows, s *string) error { return rows.Scan(s) })
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, rebuilt)
	refers := map[string][]string{}
	for _, name := range names {
		if refers[name], err = d.refersTo(ctx, name); err != nil {
			return nil, err
		}
	}
	return inOrder(names, refers)
}

// refersTo lists the tables that a table's foreign keys lead to.
func (d *DB) refersTo(ctx context.Context, table string) ([]string, error) {
	text := `SELECT "table" FROM pragma_foreign_key_list($1)`
	if d.Dialect == Postgres {
		text = `SELECT DISTINCT c.confrelid::regclass::text FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = $1::regclass`
	}
	rows, err := d.read.QueryContext(ctx, text, table)
	return Scan(rows, err, func(rows *sql.Rows, s *string) error { return rows.Scan(s) })
}

func inOrder(names []string, refers map[string][]string) ([]string, error) {
	var out []string
	for len(out) < len(names) {
		before := len(out)
		for _, name := range names {
			ready := !slices.ContainsFunc(refers[name], func(to string) bool { return to != name && !slices.Contains(out, to) })
			if ready && !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
		if len(out) == before {
			return nil, errors.New("db: the tables refer to each other in a circle")
		}
	}
	return out, nil
}

// Copied is what is known of a table that was copied.
type Copied struct {
	Table string
	Rows  int64
	sum   uint64 // of the rows' hashes, whatever their order
}

// copyRows is how many rows are inserted at once.
const copyRows = 100

// ErrNotEmpty is returned when the target of a copy has data.
var ErrNotEmpty = errors.New("db: the target has data already")

// Copy copies all data as it is at one moment into an empty database of the same schema, in one transaction of the target, and
// compares afterwards, row by row, what is there with what was. progress may be nil.
func Copy(ctx context.Context, from, to *DB, progress func(table string, rows int64)) ([]Copied, error) {
	tables, err := from.Tables(ctx)
	if err != nil {
		return nil, err
	}
	source, err := from.beginSnapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = source.Rollback() }() // it was only read
	var copied []Copied
	err = to.Tx(ctx, func(tx *Tx) error {
		copied = nil
		if err := to.patient(ctx, tx.tx); err != nil {
			return err
		}
		if err := clearNew(ctx, tx, tables); err != nil {
			return err
		}
		for _, table := range tables {
			c, err := copyTable(ctx, source, tx, table, progress)
			if err != nil {
				return fmt.Errorf("db: copy %s: %w", table, err)
			}
			copied = append(copied, c)
		}
		return verify(ctx, tx, copied)
	})
	if err == nil {
		err = to.Analyze(ctx)
	}
	return copied, err
}

// Analyze has the database find out how much it holds, after very much has come into it at once. Postgres does so by itself within a minute
// or two; until then it takes tables for small, and reads a room's whole log, sorted, for its last page. SQLite plans without.
func (d *DB) Analyze(ctx context.Context) error {
	if d.Dialect != Postgres {
		return nil
	}
	_, err := d.write.ExecContext(ctx, `ANALYZE`)
	return err
}

func (d *DB) beginSnapshot(ctx context.Context) (*sql.Tx, error) {
	tx, err := d.read.BeginTx(ctx, &sql.TxOptions{ReadOnly: true, Isolation: d.snapshotIsolation()})
	if err == nil {
		if err = d.patient(ctx, tx); err != nil {
			_ = tx.Rollback() // the other error tells
		}
	}
	return tx, err
}

func (d *DB) snapshotIsolation() sql.IsolationLevel {
	if d.Dialect == Postgres {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// clearNew empties a new database of what its migrations have put there, and refuses one that is not new.
func clearNew(ctx context.Context, tx *Tx, tables []string) error {
	for _, table := range slices.Backward(tables) {
		if table == "counters" {
			continue
		}
		var one int
		err := tx.QueryRow(ctx, `SELECT 1 FROM `+table+` LIMIT 1`).Scan(&one)
		if err == nil {
			return fmt.Errorf("%w: %s has rows", ErrNotEmpty, table)
		}
		if !IsNotFound(err) {
			return err
		}
	}
	_, err := tx.Exec(ctx, `DELETE FROM counters`)
	return err
}

func copyTable(ctx context.Context, source *sql.Tx, tx *Tx, table string, progress func(string, int64)) (Copied, error) {
	c := Copied{Table: table}
	rows, err := source.QueryContext(ctx, `SELECT * FROM `+table)
	if err != nil {
		return c, err
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	columns, err := rows.Columns()
	if err != nil {
		return c, err
	}
	var pending []any
	flush := func() error {
		if len(pending) == 0 {
			return nil
		}
		_, err := tx.tx.ExecContext(ctx, insertText(table, columns, len(pending)/len(columns)), pending...)
		pending = pending[:0]
		return err
	}
	for rows.Next() {
		row, err := scanRow(rows, len(columns))
		if err != nil {
			return c, err
		}
		c.add(columns, row)
		if pending = append(pending, row...); c.Rows%copyRows == 0 {
			if err := flush(); err != nil {
				return c, err
			}
			if progress != nil && c.Rows%10_000 == 0 {
				progress(table, c.Rows)
			}
		}
	}
	return c, errors.Join(rows.Err(), flush())
}

func scanRow(rows *sql.Rows, n int) ([]any, error) {
	row := make([]any, n)
	to := make([]any, n)
	for i := range row {
		to[i] = &row[i]
	}
	if err := rows.Scan(to...); err != nil {
		return nil, err
	}
	for i, v := range row {
		if b, ok := v.([]byte); ok {
			row[i] = string(b)
		}
	}
	return row, nil
}

// add counts a row into what is known of its table. The columns are taken by name: databases order them differently.
func (c *Copied) add(columns []string, row []any) {
	c.Rows++
	parts := make([]string, len(row))
	for i, v := range row {
		parts[i] = fmt.Sprintf("%s=%T:%v", columns[i], v, v)
	}
	slices.Sort(parts)
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	c.sum += binary.BigEndian.Uint64(sum[:8])
}

func insertText(table string, columns []string, rows int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", table, strings.Join(columns, ", "))
	n := 0
	for r := range rows {
		if r > 0 {
			b.WriteString(", ")
		}
		for i := range columns {
			n++
			fmt.Fprintf(&b, "%s$%d", map[bool]string{true: "(", false: ", "}[i == 0], n)
		}
		b.WriteString(")")
	}
	return b.String()
}

// verify reads everything back.
func verify(ctx context.Context, tx *Tx, copied []Copied) error {
	for _, want := range copied {
		got := Copied{Table: want.Table}
		rows, err := tx.tx.QueryContext(ctx, `SELECT * FROM `+want.Table)
		if err != nil {
			return err
		}
		columns, err := rows.Columns()
		for err == nil && rows.Next() {
			var row []any
			if row, err = scanRow(rows, len(columns)); err == nil {
				got.add(columns, row)
			}
		}
		if err = errors.Join(err, rows.Err(), rows.Close()); err != nil {
			return err
		}
		if got != want {
			return fmt.Errorf("db: %s has %d rows after copying %d, or others", want.Table, got.Rows, want.Rows)
		}
	}
	return nil
}
