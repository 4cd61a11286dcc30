package chat

import (
	"context"
	"database/sql"
	"time"

	"parley/internal/db"
)

const (
	wakeEvery   = time.Second      // how often it is looked at what is due
	wakeBatch   = 50               // things at once
	wakeTimeout = 20 * time.Second // of one of them
	wakeLease   = 30 * time.Second // for how long a node takes it
)

// waker does what is due at a time: it sends what was scheduled, reminds, and closes polls.
type waker struct {
	chat *Chat
	done chan struct{}
}

func newWaker(c *Chat) *waker { return &waker{chat: c, done: make(chan struct{})} }

func (w *waker) loop() {
	defer close(w.done)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	tick := time.NewTicker(wakeEvery)
	defer tick.Stop()
	go func() { // ends with the loop
		select {
		case <-w.chat.stopping:
			cancel()
		case <-ctx.Done():
		}
	}()
	for {
		w.chat.wake(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// dueThing is something that is to happen.
type dueThing struct {
	kind   PersonalKind
	userID string
	key    string
	taken  int64
}

// wake does all that is due. A failure is the database's: the next look finds it again.
func (c *Chat) wake(ctx context.Context) {
	if polls, err := c.pollsDue(ctx); err == nil {
		for _, id := range polls {
			c.teller.soon(pollPrefix + id)
		}
	}
	for {
		now := micros(c.now())
		rows, err := c.db.Query(ctx, `SELECT kind, user_id, key, taken_until FROM due WHERE at <= $1 AND taken_until <= $1 ORDER BY at LIMIT $2`, now, wakeBatch)
		list, err := db.Scan(rows, err, func(rows *sql.Rows, d *dueThing) error { return rows.Scan(&d.kind, &d.userID, &d.key, &d.taken) })
		if err != nil {
			return
		}
		for _, d := range list {
			if took, err := c.take(ctx, d, now); err != nil {
				return
			} else if took {
				c.doDue(ctx, d)
			}
		}
		if len(list) < wakeBatch || ctx.Err() != nil {
			return
		}
	}
}

// take makes something this node's for a while. Of several nodes that want it at the same time one gets it.
func (c *Chat) take(ctx context.Context, d dueThing, now int64) (took bool, err error) {
	err = c.db.Tx(ctx, func(tx *db.Tx) error {
		n, err := tx.Exec(ctx, `UPDATE due SET taken_until = $1 WHERE kind = $2 AND user_id = $3 AND key = $4 AND taken_until = $5`,
			now+wakeLease.Microseconds(), string(d.kind), d.userID, d.key, d.taken)
		took = n == 1
		return err
	})
	return took, err
}

func (c *Chat) doDue(ctx context.Context, d dueThing) {
	ctx, cancel := context.WithTimeout(ctx, wakeTimeout)
	defer cancel()
	do := c.remind
	if d.kind == PersonalScheduled {
		do = c.sendScheduled
	}
	_ = do(ctx, d.userID, d.key) // what did not succeed is tried again when the lease is over
}

// schedule has something happen at a time, instead of when it was to happen before.
func (b *batch) schedule(kind PersonalKind, userID, key string, at time.Time) error {
	_, err := b.tx.Exec(b.ctx, `INSERT INTO due (kind, user_id, key, at) VALUES ($1, $2, $3, $4)
		ON CONFLICT (kind, user_id, key) DO UPDATE SET at = excluded.at, taken_until = 0`, string(kind), userID, key, micros(at))
	return err
}

func (b *batch) unschedule(kind PersonalKind, userID, key string) error {
	_, err := b.tx.Exec(b.ctx, `DELETE FROM due WHERE kind = $1 AND user_id = $2 AND key = $3`, string(kind), userID, key)
	return err
}
