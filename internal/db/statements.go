package db

import (
	"context"
	"database/sql"
	"errors"
	"sync"
)

// maxStatements bounds the statements that are kept. There are fewer texts than this; past it, one is compiled at each use.
const maxStatements = 1000

// statements keeps the prepared statements of a pool. SQLite compiles a text anew at each use otherwise, which takes longer than
// running it.
type statements struct {
	pool *sql.DB
	mu   sync.RWMutex
	of   map[string]*sql.Stmt
}

func newStatements(pool *sql.DB) *statements {
	return &statements{pool: pool, of: map[string]*sql.Stmt{}}
}

// prepare returns the statement of a text, or nil when it cannot be prepared now: running the text then tells why.
func (s *statements) prepare(ctx context.Context, text string) *sql.Stmt {
	s.mu.RLock()
	stmt := s.of[text]
	s.mu.RUnlock()
	if stmt != nil {
		return stmt
	}
	stmt, err := s.pool.PrepareContext(ctx, text)
	if err != nil {
		return nil
	}
	return s.keep(text, stmt)
}

// lookup is prepare within a transaction that holds the pool's only connection, which prepare would wait for.
func (s *statements) lookup(ctx context.Context, tx *sql.Tx, text string) *sql.Stmt {
	s.mu.RLock()
	stmt := s.of[text]
	s.mu.RUnlock()
	if stmt != nil {
		return tx.StmtContext(ctx, stmt)
	}
	return nil
}

func (s *statements) keep(text string, stmt *sql.Stmt) *sql.Stmt {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.of[text]; old != nil || len(s.of) >= maxStatements {
		_ = stmt.Close() // another goroutine was first
		return old
	}
	s.of[text] = stmt
	return stmt
}

func (s *statements) close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	errs := make([]error, 0, len(s.of))
	for _, stmt := range s.of {
		errs = append(errs, stmt.Close())
	}
	clear(s.of)
	return errors.Join(errs...)
}
