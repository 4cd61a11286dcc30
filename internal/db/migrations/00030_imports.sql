-- What was brought in from elsewhere: which person and room here is which one there, and the files that came with messages.

-- +goose Up
CREATE TABLE imports (
    source     TEXT NOT NULL,          -- slack, mattermost, discord
    kind       TEXT NOT NULL,          -- person, room
    foreign_id TEXT NOT NULL,
    local_id   TEXT NOT NULL,
    PRIMARY KEY (source, kind, foreign_id)
);

CREATE TABLE kept_files (
    message_id TEXT NOT NULL REFERENCES log (id),
    position   BIGINT NOT NULL,
    name       TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       BIGINT NOT NULL,
    address    TEXT NOT NULL,          -- where it was, as the archive says; it may be gone
    stored     TEXT NOT NULL,          -- name of its bytes among the kept files; empty when the archive had none
    PRIMARY KEY (message_id, position)
);

-- +goose Down
DROP TABLE kept_files;
DROP TABLE imports;
