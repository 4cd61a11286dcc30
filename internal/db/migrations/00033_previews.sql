-- What pages say of themselves that messages link to. What a message shows of them stands in the log.

-- +goose Up
ALTER TABLE rooms ADD COLUMN previews BIGINT NOT NULL DEFAULT 1; -- whether its messages get any

-- What was found lately, so that a page is asked once.
CREATE TABLE previews (
    url        TEXT PRIMARY KEY,
    data       TEXT NOT NULL,          -- JSON; empty when it says nothing
    fetched_at BIGINT NOT NULL
);
CREATE INDEX previews_by_age ON previews (fetched_at);

CREATE TABLE preview_pictures (
    id         TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    picture    TEXT NOT NULL,          -- base64
    created_at BIGINT NOT NULL
);
CREATE INDEX preview_pictures_by_age ON preview_pictures (created_at);

-- Which messages show a picture: one that none shows any more is removed.
CREATE TABLE preview_uses (
    message_id TEXT NOT NULL REFERENCES log (id),
    picture    TEXT NOT NULL REFERENCES preview_pictures (id),
    PRIMARY KEY (message_id, picture)
);
CREATE INDEX preview_uses_by_picture ON preview_uses (picture);

-- +goose Down
DROP TABLE preview_uses;
DROP TABLE preview_pictures;
DROP TABLE previews;
ALTER TABLE rooms DROP COLUMN previews;
