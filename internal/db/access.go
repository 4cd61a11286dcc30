package db

import (
	"context"
	"database/sql"
)

// createAccessVersion has SQLite count the changes of what decides who may write where: memberships, rooms, people and what people keep for
// themselves (which may be that they block somebody). So whoever has read it may remember it, also beside other processes. Cursors and
// where a log ends do not count: they move with every message. Nor do those who join: what others may do is as it was, but in conversations
// between two. Postgres has no such counter: all changes would wait for each other.
func (d Dialect) createAccessVersion(ctx context.Context, tx *sql.Tx) error {
	if d != SQLite {
		return nil
	}
	statements := []string{
		`CREATE TABLE access_version (version BIGINT NOT NULL)`,
		`INSERT INTO access_version VALUES (0)`,
	}
	for name, change := range map[string]string{
		"membership_added":   `INSERT ON memberships WHEN (SELECT kind FROM rooms WHERE id = NEW.room_id) = 'direct'`,
		"membership_changed": `UPDATE OF room_id, user_id, joined_seq, left_seq, from_seq, role ON memberships`,
		"membership_removed": `DELETE ON memberships`,
		"room_changed":       `UPDATE OF id, kind, history, epoch, archived_at, parent_id, root_id, root_seq ON rooms`,
		"room_removed":       `DELETE ON rooms`,
		"person_changed": `UPDATE OF name, role, deactivated_at ON users
			WHEN OLD.name <> NEW.name OR OLD.role <> NEW.role OR OLD.deactivated_at IS NOT NEW.deactivated_at`,
		"person_removed":   `DELETE ON users`,
		"personal_added":   `INSERT ON personal WHEN NEW.kind = 'block'`,
		"personal_changed": `UPDATE ON personal WHEN NEW.kind = 'block' OR OLD.kind = 'block'`,
		"personal_removed": `DELETE ON personal WHEN OLD.kind = 'block'`,
	} {
		statements = append(statements, `CREATE TRIGGER access_`+name+` AFTER `+change+` BEGIN UPDATE access_version SET version = version + 1; END`)
	}
	for _, s := range statements {
		if _, err := tx.ExecContext(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

// AccessVersion is the count of those changes until now, those of the transaction itself included. Only SQLite has it.
func (t *Tx) AccessVersion(ctx context.Context) (v int64, err error) {
	err = t.QueryRow(ctx, `SELECT version FROM access_version`).Scan(&v)
	return v, err
}
