-- Devices that are told of messages while they are not connected, by way of the service of their browser.

-- +goose Up
CREATE TABLE push_keys (
    id          BIGINT PRIMARY KEY,      -- 1: a server has one pair, which its subscriptions are bound to
    private_key TEXT NOT NULL,
    public_key  TEXT NOT NULL
);

CREATE TABLE push_subscriptions (
    id         TEXT PRIMARY KEY,
    user_id    TEXT NOT NULL REFERENCES users (id),
    session_id TEXT NOT NULL REFERENCES sessions (id), -- it ends with it
    endpoint   TEXT NOT NULL UNIQUE,
    p256dh     TEXT NOT NULL,
    auth       TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX push_subscriptions_by_user ON push_subscriptions (user_id);

-- +goose Down
DROP TABLE push_subscriptions;
DROP TABLE push_keys;
