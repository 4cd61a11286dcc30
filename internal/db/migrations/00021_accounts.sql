-- E-mail addresses, one-time tokens, throttles that all nodes share, and when somebody last proved who they are.

-- +goose Up
-- Only addresses whose owner has proved to read them: what is not proved yet is in the token's row, so nobody can occupy another's address.
CREATE TABLE emails (
    user_id     TEXT PRIMARY KEY REFERENCES users (id),
    address     TEXT NOT NULL UNIQUE,            -- lower case
    verified_at BIGINT NOT NULL,
    digest      TEXT NOT NULL DEFAULT 'off',     -- of what was missed: off, daily, weekly
    digested_at BIGINT NOT NULL DEFAULT 0        -- when the last one was sent
);

CREATE TABLE account_tokens (
    token_hash TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,                    -- reset, verify
    user_id    TEXT NOT NULL REFERENCES users (id),
    data       TEXT NOT NULL DEFAULT '',         -- by kind: the address to be verified
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX account_tokens_by_user ON account_tokens (user_id, kind);

-- A row per bucket that is not full: until when what was taken weighs on it.
CREATE TABLE throttles (
    key TEXT PRIMARY KEY,                        -- a hash
    tat BIGINT NOT NULL
);

ALTER TABLE sessions ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE sessions DROP COLUMN confirmed_at;
DROP TABLE throttles;
DROP TABLE account_tokens;
DROP TABLE emails;
