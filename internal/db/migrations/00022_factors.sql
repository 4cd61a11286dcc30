-- What people prove with who they are, besides passwords.

-- +goose Up
ALTER TABLE users ADD COLUMN second_factor BIGINT NOT NULL DEFAULT 0; -- 1: a password alone is not enough

CREATE TABLE totps (
    user_id    TEXT PRIMARY KEY REFERENCES users (id),
    secret     TEXT NOT NULL,              -- sealed
    enabled_at BIGINT,                     -- NULL: not until a code was entered
    last_step  BIGINT NOT NULL DEFAULT 0,  -- codes of this one and those before are used up
    created_at BIGINT NOT NULL
);

CREATE TABLE recovery_codes (
    user_id   TEXT NOT NULL REFERENCES users (id),
    code_hash TEXT NOT NULL,
    PRIMARY KEY (user_id, code_hash)
);

CREATE TABLE passkeys (
    id         TEXT PRIMARY KEY,           -- of the credential, base64url
    user_id    TEXT NOT NULL REFERENCES users (id),
    name       TEXT NOT NULL,
    credential TEXT NOT NULL,              -- JSON: public key, flags, counter
    created_at BIGINT NOT NULL,
    used_at    BIGINT NOT NULL
);
CREATE INDEX passkeys_by_user ON passkeys (user_id);

-- +goose Down
DROP TABLE passkeys;
DROP TABLE recovery_codes;
DROP TABLE totps;
ALTER TABLE users DROP COLUMN second_factor;
