-- A database as the first version left it: frozen, never to be edited. {serial} and {bool} differ between the databases.
CREATE TABLE goose_db_version (id {serial}, version_id BIGINT NOT NULL, is_applied {bool} NOT NULL, tstamp TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, {true}), (1, {true});
CREATE TABLE users (id TEXT PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE sessions (id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id), token_hash TEXT NOT NULL UNIQUE, created_at BIGINT NOT NULL, used_at BIGINT NOT NULL, revoked_at BIGINT);
CREATE INDEX sessions_by_user ON sessions (user_id);
CREATE TABLE rooms (id TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT NOT NULL, epoch TEXT NOT NULL, last_seq BIGINT NOT NULL, created_at BIGINT NOT NULL);
CREATE TABLE memberships (room_id TEXT NOT NULL REFERENCES rooms (id), user_id TEXT NOT NULL REFERENCES users (id), joined_seq BIGINT NOT NULL, left_seq BIGINT, PRIMARY KEY (room_id, user_id, joined_seq));
CREATE UNIQUE INDEX memberships_open ON memberships (room_id, user_id) WHERE left_seq IS NULL;
CREATE TABLE messages (id TEXT PRIMARY KEY, room_id TEXT NOT NULL REFERENCES rooms (id), seq BIGINT NOT NULL, sender_id TEXT NOT NULL REFERENCES users (id), client_id TEXT NOT NULL, text TEXT NOT NULL, created_at BIGINT NOT NULL);
CREATE UNIQUE INDEX messages_by_seq ON messages (room_id, seq);
CREATE UNIQUE INDEX messages_by_client_id ON messages (sender_id, client_id);
INSERT INTO users VALUES ('ana', 'Ana', 'guest', 1700000000000000), ('ben', 'Ben', 'guest', 1700000000000001);
INSERT INTO sessions VALUES ('s1', 'ana', 'hash', 1700000000000000, 1700000000000000, NULL);
INSERT INTO rooms VALUES ('general', 'public', 'General', 'epoch-of-old', 3, 1700000000000000);
INSERT INTO memberships VALUES ('general', 'ana', 0, NULL), ('general', 'ben', 0, NULL);
INSERT INTO messages VALUES ('m1', 'general', 1, 'ana', 'c1', 'first', 1700000000000010), ('m2', 'general', 2, 'ben', 'c1', 'second', 1700000000000020), ('m3', 'general', 3, 'ana', '-made-up', 'third', 1700000000000030);
