-- Polls are messages; what they show stands in the log. Here is what it is made from.

-- +goose Up
CREATE TABLE polls (
    message_id TEXT PRIMARY KEY REFERENCES log (id),
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    salt       TEXT NOT NULL,        -- of an anonymous one: without it nobody can tell whose votes they are. It is gone when the poll is closed
    closes_at  BIGINT,
    closed_at  BIGINT,
    version    BIGINT NOT NULL,      -- counts the changes
    told       BIGINT NOT NULL       -- the version that the log tells of
);
CREATE INDEX polls_by_end ON polls (closes_at) WHERE closed_at IS NULL AND closes_at IS NOT NULL;

CREATE TABLE votes (
    message_id TEXT NOT NULL REFERENCES polls (message_id),
    voter      TEXT NOT NULL,        -- a person's id; of an anonymous poll a keyed hash of it
    choice     BIGINT NOT NULL,      -- which option, from 0
    PRIMARY KEY (message_id, voter, choice)
);

CREATE TABLE emojis (
    name       TEXT PRIMARY KEY,
    picture    TEXT NOT NULL,        -- id in avatars; empty when it was removed
    created_by TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    version    BIGINT NOT NULL       -- of all emoji, when this one last changed
);
CREATE UNIQUE INDEX emojis_by_version ON emojis (version);
INSERT INTO counters (name, value) VALUES ('emoji', 0);

-- +goose Down
DELETE FROM counters WHERE name = 'emoji';
DROP TABLE emojis;
DROP TABLE votes;
DROP TABLE polls;
