-- The log takes the messages' place: everything that happens in a room is an entry with the room's next seq.

-- +goose Up
ALTER TABLE users ADD COLUMN login TEXT;                              -- the account's name, lower case; NULL for a guest
ALTER TABLE users ADD COLUMN password_hash TEXT;
ALTER TABLE users ADD COLUMN avatar TEXT NOT NULL DEFAULT '';         -- id in avatars
ALTER TABLE users ADD COLUMN bio TEXT NOT NULL DEFAULT '';
ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT '';         -- what they say they are doing
ALTER TABLE users ADD COLUMN status_until BIGINT;                     -- NULL: until changed
ALTER TABLE users ADD COLUMN presence TEXT NOT NULL DEFAULT 'auto';   -- auto, away, dnd
ALTER TABLE users ADD COLUMN time_zone TEXT NOT NULL DEFAULT '';      -- IANA name
ALTER TABLE users ADD COLUMN receipts BIGINT NOT NULL DEFAULT 1;      -- 0: others do not see what they have read
ALTER TABLE users ADD COLUMN deactivated_at BIGINT;
ALTER TABLE users ADD COLUMN version BIGINT NOT NULL DEFAULT 0;       -- of the directory, when this row last changed
CREATE UNIQUE INDEX users_by_login ON users (login) WHERE login IS NOT NULL;
CREATE INDEX users_by_version ON users (version);

CREATE TABLE avatars (
    id         TEXT PRIMARY KEY,   -- hash of the picture
    media_type TEXT NOT NULL,
    picture    TEXT NOT NULL,      -- base64
    created_at BIGINT NOT NULL
);

CREATE TABLE counters (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO counters (name, value) VALUES ('directory', 0), ('search', 0);

CREATE INDEX sessions_by_end ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
ALTER TABLE sessions ADD COLUMN device TEXT NOT NULL DEFAULT '';      -- what the client says it is

ALTER TABLE rooms ADD COLUMN topic TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN description TEXT NOT NULL DEFAULT '';
ALTER TABLE rooms ADD COLUMN history TEXT NOT NULL DEFAULT 'all';     -- what new members may read: all, or joined: from then on
ALTER TABLE rooms ADD COLUMN direct_key TEXT;                         -- of a direct conversation: its members
ALTER TABLE rooms ADD COLUMN created_by TEXT;
ALTER TABLE rooms ADD COLUMN archived_at BIGINT;
ALTER TABLE rooms ADD COLUMN members BIGINT NOT NULL DEFAULT 0;       -- how many are in it now
CREATE UNIQUE INDEX rooms_by_direct_key ON rooms (direct_key) WHERE direct_key IS NOT NULL;
UPDATE rooms SET members = (SELECT count(*) FROM memberships m WHERE m.room_id = rooms.id AND m.left_seq IS NULL);

ALTER TABLE memberships ADD COLUMN role TEXT NOT NULL DEFAULT 'member';
ALTER TABLE memberships ADD COLUMN from_seq BIGINT NOT NULL DEFAULT 0;      -- what they may read comes after it
ALTER TABLE memberships ADD COLUMN read_seq BIGINT NOT NULL DEFAULT 0;
ALTER TABLE memberships ADD COLUMN delivered_seq BIGINT NOT NULL DEFAULT 0;
CREATE INDEX memberships_by_user ON memberships (user_id) WHERE left_seq IS NULL;

CREATE TABLE bans (
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    user_id    TEXT NOT NULL REFERENCES users (id),
    banned_by  TEXT NOT NULL REFERENCES users (id),
    reason     TEXT NOT NULL DEFAULT '',
    created_at BIGINT NOT NULL,
    PRIMARY KEY (room_id, user_id)
);

-- An invitation to the server, or, with a room, a link that joins it.
CREATE TABLE invitations (
    id         TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    room_id    TEXT REFERENCES rooms (id),
    role       TEXT NOT NULL,
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    max_uses   BIGINT NOT NULL,
    uses       BIGINT NOT NULL DEFAULT 0,
    revoked_at BIGINT
);

CREATE TABLE log (
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    seq        BIGINT NOT NULL,
    id         TEXT NOT NULL UNIQUE,
    kind       TEXT NOT NULL,          -- message, edit, delete, react, unreact, create, update, join, leave, kick, ban, role
    actor_id   TEXT NOT NULL REFERENCES users (id),
    client_id  TEXT,
    target_id  TEXT,                   -- the message or the person that it is about
    text       TEXT NOT NULL DEFAULT '',
    data       TEXT NOT NULL DEFAULT '', -- JSON, by kind
    reply_to   TEXT,                   -- id of a message in the same room
    created_at BIGINT NOT NULL,
    edited_at  BIGINT,
    deleted_at BIGINT,
    version    BIGINT NOT NULL,        -- seq of the entry that last changed this one
    PRIMARY KEY (room_id, seq)
);
-- For ever, not for a while: a client that retries after a year gets its first answer again.
CREATE UNIQUE INDEX log_by_client_id ON log (actor_id, client_id) WHERE client_id IS NOT NULL;

INSERT INTO log (room_id, seq, id, kind, actor_id, client_id, text, created_at, version)
    SELECT room_id, seq, id, 'message', sender_id, client_id, text, created_at, seq FROM messages;
DROP TABLE messages;

-- What a message said before it was edited. A deleted message has none.
CREATE TABLE revisions (
    message_id TEXT NOT NULL REFERENCES log (id),
    version    BIGINT NOT NULL,        -- seq at which this text was replaced
    text       TEXT NOT NULL,
    created_at BIGINT NOT NULL,        -- when it was written
    PRIMARY KEY (message_id, version)
);

CREATE TABLE reactions (
    message_id TEXT NOT NULL REFERENCES log (id),
    emoji      TEXT NOT NULL,
    user_id    TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (message_id, emoji, user_id)
);

-- Who a message addresses. user_id is * for everybody in the room, so that a mention of all is one row.
CREATE TABLE mentions (
    room_id TEXT NOT NULL REFERENCES rooms (id),
    seq     BIGINT NOT NULL,
    user_id TEXT NOT NULL,
    PRIMARY KEY (room_id, seq, user_id)
);
CREATE INDEX mentions_by_user ON mentions (user_id, room_id, seq);

-- Up to where the search knows a room.
CREATE TABLE search_rooms (
    room_id TEXT PRIMARY KEY REFERENCES rooms (id),
    seq     BIGINT NOT NULL
);

-- +goose Down
SELECT 1; -- a log cannot become messages again: restore a backup instead
