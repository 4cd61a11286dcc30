-- Times are microseconds since 1970 (UTC); ids are sortable text. Everything that happens in a room takes the room's next seq.

-- +goose Up
CREATE TABLE users (
    id         TEXT PRIMARY KEY,
    name       TEXT NOT NULL,
    role       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE sessions (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    revoked_at BIGINT
);
CREATE INDEX sessions_by_user ON sessions (user_id);

CREATE TABLE rooms (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    name       TEXT NOT NULL,
    epoch      TEXT NOT NULL,
    last_seq   BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);

-- A membership is an interval of the room's log: events after joined_seq, up to left_seq while it is set.
CREATE TABLE memberships (
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    user_id    TEXT NOT NULL REFERENCES users (id),
    joined_seq BIGINT NOT NULL,
    left_seq   BIGINT,
    PRIMARY KEY (room_id, user_id, joined_seq)
);
CREATE UNIQUE INDEX memberships_open ON memberships (room_id, user_id) WHERE left_seq IS NULL;

CREATE TABLE messages (
    id         TEXT PRIMARY KEY,
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    seq        BIGINT NOT NULL,
    sender_id  TEXT NOT NULL REFERENCES users (id),
    client_id  TEXT NOT NULL,
    text       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX messages_by_seq ON messages (room_id, seq);
-- For ever, not for a while: a client that retries after a year gets its first answer again.
CREATE UNIQUE INDEX messages_by_client_id ON messages (sender_id, client_id);

-- +goose Down
DROP TABLE messages;
DROP TABLE memberships;
DROP TABLE rooms;
DROP TABLE sessions;
DROP TABLE users;
