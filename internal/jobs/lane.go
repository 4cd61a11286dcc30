package jobs

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	mathrand "math/rand/v2"
	"runtime/debug"
	"strings"
	"time"

	"parley/internal/db"
)

const (
	// leaseMargin is how much longer a lease is than the time that an attempt may take: by then its outcome is written.
	leaseMargin = 30 * time.Second
	// writing is how long writing an outcome may take.
	writing  = 20 * time.Second
	maxPause = time.Hour
	maxError = 500 // bytes that are kept of an error
	// keepDead is how long dead jobs are kept.
	keepDead = 30 * 24 * time.Hour
)

// lane does the jobs of one kind, so that one that is slow holds back only its own.
type lane struct {
	Kind
	q      *Queue
	places chan struct{}
	wake   chan struct{}
}

// Start begins to do jobs of these kinds. Those of other kinds are left to nodes that know them. Close ends it.
func (q *Queue) Start(kinds ...Kind) {
	ctx, stop := context.WithCancel(context.Background())
	q.stop = stop
	for _, k := range kinds {
		k.defaults()
		q.lanes = append(q.lanes, &lane{Kind: k, q: q, places: make(chan struct{}, k.AtOnce), wake: make(chan struct{}, 1)})
	}
	for _, l := range q.lanes {
		q.running.Go(func() { l.loop(ctx) })
	}
	q.running.Go(func() { q.sweep(ctx) })
	q.running.Go(func() {
		for {
			select {
			case <-q.wake:
				for _, l := range q.lanes {
					l.look()
				}
			case <-ctx.Done():
				return
			}
		}
	})
}

// Close ends the attempts that are being made, as failed ones that do not count, and waits for them.
func (q *Queue) Close() {
	if q.stop != nil {
		q.stop()
		q.running.Wait()
	}
}

func (k *Kind) defaults() {
	if k.AtOnce == 0 {
		k.AtOnce = 2
	}
	if k.Attempts == 0 {
		k.Attempts = 14
	}
	if k.Timeout == 0 {
		k.Timeout = time.Minute
	}
	if k.Pause == 0 {
		k.Pause = 5 * time.Second
	}
}

// look makes the lane look for work at once.
func (l *lane) look() {
	select {
	case l.wake <- struct{}{}:
	default: // it is about to
	}
}

func (l *lane) loop(ctx context.Context) {
	t := time.NewTicker(l.q.o.Poll)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-l.wake:
		case <-ctx.Done():
			return
		}
		for l.begin(ctx) {
		}
	}
}

// begin takes as many jobs as there are places for, and reports whether there may be more to be had.
func (l *lane) begin(ctx context.Context) bool {
	free := cap(l.places) - len(l.places) // only this goroutine takes places
	if free == 0 {
		return false
	}
	list, err := l.claim(ctx, free)
	if err != nil && ctx.Err() == nil {
		l.q.o.Log.Warn("jobs cannot be taken", "kind", l.Name, "error", err) // the next look tries again
	}
	for _, j := range list {
		l.places <- struct{}{}
		l.q.running.Go(func() {
			l.attempt(ctx, j)
			<-l.places
			l.look()
		})
	}
	return len(list) == free && err == nil
}

// claim takes jobs that are due: nobody else does until their lease is over.
func (l *lane) claim(ctx context.Context, n int) (list []Job, err error) {
	now := l.q.o.Now()
	var one int
	err = l.q.o.DB.QueryRow(ctx, `SELECT 1 FROM jobs WHERE kind = $1 AND dead_at IS NULL AND run_at <= $2 LIMIT 1`, l.Name, now.UnixMicro()).Scan(&one)
	if db.IsNotFound(err) {
		return nil, nil // as most often: nothing is written
	}
	if err != nil {
		return nil, err
	}
	claim := rand.Text()
	err = l.q.o.DB.Tx(ctx, func(tx *db.Tx) error {
		rows, err := tx.Query(ctx, `UPDATE jobs SET claim = $1, run_at = $2, attempts = attempts + 1 WHERE dead_at IS NULL AND run_at <= $3 AND id IN (
			SELECT id FROM jobs WHERE kind = $4 AND dead_at IS NULL AND run_at <= $3 ORDER BY run_at, id LIMIT $5`+tx.Dialect().SkipLocked()+`)
			RETURNING id, kind, payload, attempts, created_at`,
			claim, now.Add(l.Timeout+leaseMargin).UnixMicro(), now.UnixMicro(), l.Name, n)
		list, err = db.Scan(rows, err, func(rows *sql.Rows, j *Job) error {
			var payload string
			var created int64
			err := rows.Scan(&j.ID, &j.Kind, &payload, &j.Attempt, &created)
			j.Payload, j.CreatedAt, j.claim = []byte(payload), time.UnixMicro(created).UTC(), claim
			return err
		})
		return err
	})
	return list, err
}

// attempt does a job once and writes down how it ended. If that cannot be written, the lease ends by itself.
func (l *lane) attempt(ctx context.Context, j Job) {
	begun := time.Now()
	err := l.run(ctx, j)
	outcome := "done"
	switch {
	case err == nil:
		err = l.write(`DELETE FROM jobs WHERE id = $1 AND claim = $2`, j.ID, j.claim)
	case ctx.Err() != nil: // the server stops: another node, or this one when it is back, begins at once
		outcome = "again"
		err = l.write(`UPDATE jobs SET claim = NULL, run_at = $3, attempts = attempts - 1 WHERE id = $1 AND claim = $2`, j.ID, j.claim, l.q.o.Now().UnixMicro())
	case j.Attempt >= l.Attempts || IsPermanent(err):
		outcome = "dead"
		l.q.o.Log.Error("job given up", "kind", j.Kind, "id", j.ID, "attempts", j.Attempt, "error", err)
		err = l.write(`UPDATE jobs SET claim = NULL, dead_at = $3, error = $4 WHERE id = $1 AND claim = $2`, j.ID, j.claim, l.q.o.Now().UnixMicro(), shorten(err))
	default:
		outcome = "again"
		l.q.o.Log.Warn("job failed", "kind", j.Kind, "id", j.ID, "attempt", j.Attempt, "error", err)
		err = l.write(`UPDATE jobs SET claim = NULL, run_at = $3, error = $4 WHERE id = $1 AND claim = $2`,
			j.ID, j.claim, l.q.o.Now().Add(l.pause(j.Attempt)).UnixMicro(), shorten(err))
	}
	if err != nil {
		l.q.o.Log.Error("outcome of a job cannot be written", "kind", j.Kind, "id", j.ID, "outcome", outcome, "error", err)
	}
	l.q.o.Finished(j.Kind, outcome, time.Since(begun))
}

// run calls the handler. A panic is an error, so that one job cannot end the program.
func (l *lane) run(ctx context.Context, j Job) (err error) {
	if j.Attempt > l.Attempts {
		return Permanent(errCrashed)
	}
	ctx, cancel := context.WithTimeout(ctx, l.Timeout)
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	return l.Handle(ctx, j)
}

// write is not bound to the queue's context: what was done is written down although the server stops.
func (l *lane) write(text string, args ...any) error {
	ctx, cancel := context.WithTimeout(context.Background(), writing)
	defer cancel()
	return l.q.o.DB.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, text, args...)
		return err
	})
}

// pause is how long to wait after an attempt, give or take a fifth, so that what failed together does not come back together.
func (l *lane) pause(attempt int) time.Duration {
	p := maxPause
	if attempt < 20 {
		p = min(maxPause, l.Pause<<(attempt-1))
	}
	return p*4/5 + time.Duration(mathrand.Int64N(int64(p)*2/5+1))
}

func shorten(err error) string {
	text := strings.ToValidUTF8(strings.ReplaceAll(err.Error(), "\x00", ""), "?") // Postgres takes nothing else
	return strings.ToValidUTF8(text[:min(len(text), maxError)], "")
}

// sweep removes dead jobs that nobody has looked at for long.
func (q *Queue) sweep(ctx context.Context) {
	t := time.NewTicker(time.Hour)
	defer t.Stop()
	for {
		err := q.o.DB.Tx(ctx, func(tx *db.Tx) error {
			_, err := tx.Exec(ctx, `DELETE FROM jobs WHERE dead_at < $1`, q.o.Now().Add(-keepDead).UnixMicro())
			return err
		})
		if err != nil && ctx.Err() == nil {
			q.o.Log.Warn("dead jobs cannot be removed", "error", err) // the next hour
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
	}
}
