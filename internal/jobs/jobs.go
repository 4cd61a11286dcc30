package jobs

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/base32"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"parley/internal/db"
)

// Options configures a [Queue].
type Options struct {
	DB  *db.DB
	Log *slog.Logger
	// Poll is how often the queue looks for work that others have put there, or that was to wait; default a second.
	Poll time.Duration
	// Finished is told how each attempt ended: "done", "again" or "dead". It may be nil.
	Finished func(kind, outcome string, took time.Duration)
	// Now is the clock; default time.Now. Nodes whose clocks differ by more than a lease may do a job twice.
	Now func() time.Time
}

// Kind is what is to be known to do jobs of a kind.
type Kind struct {
	Name string
	// Handle does a job. A context that is done means that the queue stops, or that the time is over.
	Handle   func(context.Context, Job) error
	AtOnce   int           // how many are done at the same time on this node; default 2
	Attempts int           // how often one is tried; default 14, which with the pauses between takes six hours
	Timeout  time.Duration // of one attempt; default a minute
	Pause    time.Duration // after the first failure, twice as long after each other up to an hour; default 5 s
}

// Job is one that is being done.
type Job struct {
	ID        string // the same at each attempt
	Kind      string
	Payload   json.RawMessage
	Attempt   int // from 1
	CreatedAt time.Time
	claim     string
}

// New is a job to be done.
type New struct {
	Kind    string
	Payload any       // encodes as JSON
	Key     string    // while a job of the kind with this key waits, another one is not added; empty for no such bound
	At      time.Time // not before; zero for at once
}

// Permanent marks an error that another attempt would meet again: the job is dead at once.
func Permanent(err error) error { return permanent{err} }

// IsPermanent reports an error that another attempt would meet again.
func IsPermanent(err error) bool { return errors.As(err, new(permanent)) }

type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// Queue does jobs.
type Queue struct {
	o       Options
	wake    chan struct{}
	stop    context.CancelFunc
	running sync.WaitGroup
	lanes   []*lane
}

// Open makes a queue that jobs can be added to. It does none before Start.
func Open(o Options) *Queue {
	if o.Poll == 0 {
		o.Poll = time.Second
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Finished == nil {
		o.Finished = func(string, string, time.Duration) {}
	}
	return &Queue{o: o, wake: make(chan struct{}, 1)}
}

// Add puts a job into the table as a part of the transaction that is its reason. Call Wake after the commit.
func (q *Queue) Add(ctx context.Context, tx *db.Tx, n New) error {
	payload, err := json.Marshal(n.Payload)
	if err != nil {
		return fmt.Errorf("jobs: %s: %w", n.Kind, err)
	}
	now := q.o.Now()
	at := now
	if n.At.After(now) {
		at = n.At
	}
	_, err = tx.Exec(ctx, `INSERT INTO jobs (id, kind, key, payload, run_at, created_at) VALUES ($1, $2, $3, $4, $5, $6)
		ON CONFLICT (kind, key) WHERE key IS NOT NULL AND dead_at IS NULL DO NOTHING`,
		newID(now), n.Kind, sql.NullString{String: n.Key, Valid: n.Key != ""}, string(payload), at.UnixMicro(), now.UnixMicro())
	return err
}

// Remove takes away the job of a kind that waits with a key, if there is one. One that is being done goes on, and is then over.
func (q *Queue) Remove(ctx context.Context, tx *db.Tx, kind, key string) error {
	_, err := tx.Exec(ctx, `DELETE FROM jobs WHERE kind = $1 AND key = $2 AND dead_at IS NULL`, kind, key)
	return err
}

// Put adds a job that nothing else has to happen with.
func (q *Queue) Put(ctx context.Context, n New) error {
	err := q.o.DB.Tx(ctx, func(tx *db.Tx) error { return q.Add(ctx, tx, n) })
	q.Wake()
	return err
}

// Wake makes the queue look for work at once.
func (q *Queue) Wake() {
	select {
	case q.wake <- struct{}{}:
	default: // it is about to
	}
}

// newID returns 26 characters that sort by time.
func newID(now time.Time) string {
	var raw [16]byte
	binary.BigEndian.PutUint64(raw[:8], uint64(now.UnixMilli())<<16) //nolint:gosec // after 1970
	_, _ = rand.Read(raw[6:])                                        // never fails: crypto/rand ends the program when the system has no randomness
	return strings.ToLower(base32.HexEncoding.WithPadding(base32.NoPadding).EncodeToString(raw[:]))
}

// Counts are how many jobs wait, and how many are dead, by kind.
type Counts struct {
	Kind          string
	Waiting, Dead int
}

// Counts tells what is in the table.
func (q *Queue) Counts(ctx context.Context) ([]Counts, error) {
	rows, err := q.o.DB.Query(ctx, `SELECT kind, count(*) - count(dead_at), count(dead_at) FROM jobs GROUP BY kind ORDER BY kind`)
	return db.Scan(rows, err, func(rows *sql.Rows, c *Counts) error { return rows.Scan(&c.Kind, &c.Waiting, &c.Dead) })
}

// Dead is a job that was given up.
type Dead struct {
	ID, Kind, Error string
	Attempts        int
	At              time.Time
}

// Dead lists the jobs that were given up, the newest first, at most 200.
func (q *Queue) Dead(ctx context.Context) ([]Dead, error) {
	rows, err := q.o.DB.Query(ctx, `SELECT id, kind, error, attempts, dead_at FROM jobs WHERE dead_at IS NOT NULL ORDER BY dead_at DESC, id LIMIT 200`)
	return db.Scan(rows, err, func(rows *sql.Rows, d *Dead) error {
		var at int64
		err := rows.Scan(&d.ID, &d.Kind, &d.Error, &d.Attempts, &at)
		d.At = time.UnixMicro(at).UTC()
		return err
	})
}

// Revive lets all dead jobs be tried again from the beginning, but those in whose place another one waits, and returns how many.
func (q *Queue) Revive(ctx context.Context) (n int64, err error) {
	err = q.o.DB.Tx(ctx, func(tx *db.Tx) (err error) {
		n, err = tx.Exec(ctx, `UPDATE jobs SET dead_at = NULL, attempts = 0, claim = NULL, run_at = $1 WHERE dead_at IS NOT NULL AND (key IS NULL
			OR NOT EXISTS (SELECT 1 FROM jobs o WHERE o.kind = jobs.kind AND o.key = jobs.key AND o.id <> jobs.id AND (o.dead_at IS NULL OR o.id > jobs.id)))`,
			q.o.Now().UnixMicro())
		return err
	})
	q.Wake()
	return n, err
}

// errCrashed is the error of a job that was begun too often without an outcome.
var errCrashed = errors.New("the server ended at each attempt")
