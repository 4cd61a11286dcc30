-- A thread is a room of its own, the child of another: who may read it is whoever may read its root in the parent.

-- +goose Up
ALTER TABLE rooms ADD COLUMN parent_id TEXT;                          -- of a thread: the room that its root is in
ALTER TABLE rooms ADD COLUMN root_id TEXT;                            -- of a thread: the message that it is about
ALTER TABLE rooms ADD COLUMN root_seq BIGINT;                         -- the root's seq in the parent
CREATE UNIQUE INDEX rooms_by_root ON rooms (root_id) WHERE root_id IS NOT NULL;
CREATE INDEX rooms_by_parent ON rooms (parent_id) WHERE parent_id IS NOT NULL;

-- Who follows a thread, and how far they have got in it. Those who have stopped keep their row: a mention does not bring them back.
CREATE TABLE follows (
    room_id       TEXT NOT NULL REFERENCES rooms (id),
    user_id       TEXT NOT NULL REFERENCES users (id),
    following     BIGINT NOT NULL,
    read_seq      BIGINT NOT NULL,
    delivered_seq BIGINT NOT NULL,
    PRIMARY KEY (user_id, room_id)
);
CREATE INDEX follows_by_room ON follows (room_id) WHERE following = 1;

-- Up to where a thread's parent tells of it. It is no column of rooms: who writes in the thread has that row locked.
CREATE TABLE told (
    room_id TEXT PRIMARY KEY REFERENCES rooms (id),
    seq     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE told;
DROP TABLE follows;
DROP INDEX rooms_by_parent;
DROP INDEX rooms_by_root;
