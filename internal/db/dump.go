package db

import (
	"context"
	"database/sql"
	"fmt"
)

// Snapshot is all data as it was at one moment, to be read.
type Snapshot struct{ tx *sql.Tx }

// Snapshot begins one. Close ends it.
func (d *DB) Snapshot(ctx context.Context) (*Snapshot, error) {
	tx, err := d.beginSnapshot(ctx)
	if err != nil {
		return nil, fmt.Errorf("db: %w", err)
	}
	return &Snapshot{tx}, nil
}

// Close ends the snapshot.
func (s *Snapshot) Close() { _ = s.tx.Rollback() } // it was only read

// Dump gives the rows of a table, by column: text, int64, or nil. where is a condition with $1, or empty.
func (s *Snapshot) Dump(ctx context.Context, table, where string, args []any, each func(row map[string]any) error) error {
	text := `SELECT * FROM ` + table
	if where != "" {
		text += ` WHERE ` + where
	}
	rows, err := s.tx.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("db: %s: %w", table, err)
	}
	defer func() { _ = rows.Close() }() // rows.Err tells what went wrong
	columns, err := rows.Columns()
	if err != nil {
		return fmt.Errorf("db: %s: %w", table, err)
	}
	for rows.Next() {
		values, err := scanRow(rows, len(columns))
		if err != nil {
			return err
		}
		row := make(map[string]any, len(columns))
		for i, c := range columns {
			row[c] = values[i]
		}
		if err := each(row); err != nil {
			return err
		}
	}
	return rows.Err()
}
