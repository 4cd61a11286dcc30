-- What a person keeps for themselves, the same on all their devices: the latest of each, with the person's next version.

-- +goose Up
CREATE TABLE personal_heads (
    user_id TEXT PRIMARY KEY REFERENCES users (id),
    version BIGINT NOT NULL,
    floor   BIGINT NOT NULL DEFAULT 0   -- what was gone before it is forgotten
);

CREATE TABLE personal (
    user_id TEXT NOT NULL REFERENCES users (id),
    kind    TEXT NOT NULL,              -- saved, draft, room, notify, privacy, block, scheduled, reminder
    key     TEXT NOT NULL,              -- a message, a room, a person, or nothing
    version BIGINT NOT NULL,
    data    TEXT NOT NULL,              -- JSON, by kind
    gone    BIGINT NOT NULL,
    at      BIGINT NOT NULL,            -- when the person did it
    PRIMARY KEY (user_id, kind, key)
);
CREATE UNIQUE INDEX personal_by_version ON personal (user_id, version);

CREATE TABLE pins (
    message_id TEXT PRIMARY KEY REFERENCES log (id),
    room_id    TEXT NOT NULL REFERENCES rooms (id),
    pinned_at  BIGINT NOT NULL
);
CREATE INDEX pins_by_room ON pins (room_id, pinned_at);

-- +goose Down
DROP TABLE pins;
DROP TABLE personal;
DROP TABLE personal_heads;
