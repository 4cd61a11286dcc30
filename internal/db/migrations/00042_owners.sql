-- Who owns a room is found without reading all its members.

-- +goose Up
CREATE INDEX memberships_owners ON memberships (room_id) WHERE role = 'owner' AND left_seq IS NULL;

-- +goose Down
DROP INDEX memberships_owners;
