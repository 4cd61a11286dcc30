-- What is to happen at a time. A node that does it takes it for a while first; one that ends meanwhile leaves it to another.

-- +goose Up
CREATE TABLE due (
    kind        TEXT NOT NULL,          -- scheduled, reminder
    user_id     TEXT NOT NULL REFERENCES users (id),
    key         TEXT NOT NULL,
    at          BIGINT NOT NULL,
    taken_until BIGINT NOT NULL DEFAULT 0,
    PRIMARY KEY (kind, user_id, key)
);
CREATE INDEX due_by_time ON due (at);

-- +goose Down
DROP TABLE due;
