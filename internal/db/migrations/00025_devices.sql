-- Browsers that somebody has signed in with, and links by which a device that is signed in lets another one in.

-- +goose Up
CREATE TABLE devices (
    token_hash TEXT NOT NULL,               -- of a cookie
    user_id    TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    PRIMARY KEY (token_hash, user_id)
);
CREATE INDEX devices_by_user ON devices (user_id);

CREATE TABLE device_links (
    id          TEXT PRIMARY KEY,
    token_hash  TEXT NOT NULL UNIQUE,
    user_id     TEXT NOT NULL REFERENCES users (id),
    session_id  TEXT NOT NULL REFERENCES sessions (id),
    expires_at  BIGINT NOT NULL,
    claim_hash  TEXT,                       -- of who has opened the link: nobody else can any more
    code        TEXT NOT NULL DEFAULT '',   -- what the new device shows
    approved_at BIGINT
);
CREATE INDEX device_links_by_user ON device_links (user_id);

-- +goose Down
DROP TABLE device_links;
DROP TABLE devices;
