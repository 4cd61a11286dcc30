-- Who somebody is elsewhere: at an OpenID provider, or in a directory.

-- +goose Up
CREATE TABLE identities (
    issuer     TEXT NOT NULL,              -- of OpenID Connect, or ldap
    subject    TEXT NOT NULL,              -- the provider's own name for them, which never changes
    user_id    TEXT NOT NULL REFERENCES users (id),
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX identities_by_user ON identities (user_id);

-- +goose Down
DROP TABLE identities;
