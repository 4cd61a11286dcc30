-- Accounts that are made and kept up from outside, and the tokens of who does.

-- +goose Up
CREATE TABLE service_tokens (
    id         TEXT PRIMARY KEY,
    token_hash TEXT NOT NULL UNIQUE,
    name       TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL DEFAULT 0,   -- exact to an hour
    revoked_at BIGINT
);

CREATE TABLE provisioned (
    user_id     TEXT PRIMARY KEY REFERENCES users (id),
    user_name   TEXT NOT NULL,              -- what they are called there, as it was given
    user_key    TEXT NOT NULL,              -- the same in lower case
    external_id TEXT NOT NULL DEFAULT '',
    deleted_at  BIGINT
);
CREATE UNIQUE INDEX provisioned_by_name ON provisioned (user_key) WHERE deleted_at IS NULL;

-- +goose Down
DROP TABLE provisioned;
DROP TABLE service_tokens;
