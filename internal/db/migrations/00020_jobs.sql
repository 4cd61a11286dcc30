-- Work that outlives a request: mail, push, webhooks. A row is put there by the transaction that is the reason for it, and goes when the
-- work is done.

-- +goose Up
CREATE TABLE jobs (
    id         TEXT PRIMARY KEY,
    kind       TEXT NOT NULL,
    key        TEXT,                       -- of one kind only one job waits with the same key
    payload    TEXT NOT NULL,
    attempts   BIGINT NOT NULL DEFAULT 0,
    run_at     BIGINT NOT NULL,            -- not before then; of one that somebody works on, when its lease ends
    claim      TEXT,                       -- who works on it
    error      TEXT NOT NULL DEFAULT '',   -- of the last attempt
    created_at BIGINT NOT NULL,
    dead_at    BIGINT                      -- given up; kept to be looked at
);
CREATE INDEX jobs_due ON jobs (kind, run_at) WHERE dead_at IS NULL;
CREATE UNIQUE INDEX jobs_by_key ON jobs (kind, key) WHERE key IS NOT NULL AND dead_at IS NULL;

-- +goose Down
DROP TABLE jobs;
