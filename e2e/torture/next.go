package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// nextMigration is what a next version might do to the schema: it only adds, so that this version goes on beside it.
const nextMigration = `-- +goose Up
ALTER TABLE log ADD COLUMN next_note TEXT;
ALTER TABLE rooms ADD COLUMN next_flag INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN next_note TEXT NOT NULL DEFAULT '';
ALTER TABLE memberships ADD COLUMN next_flag INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN next_note TEXT;
CREATE TABLE next_things (id TEXT PRIMARY KEY, room_id TEXT NOT NULL REFERENCES rooms (id), at BIGINT NOT NULL);
CREATE INDEX next_log ON log (created_at);
`

// buildNext compiles the program as its next version: with another migration.
func buildNext(ctx context.Context, dir string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "parley").Output()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "next.sql")
	added := filepath.Join(strings.TrimSpace(string(root)), "internal/db/migrations/90000_next.sql")
	overlay, err := json.Marshal(map[string]map[string]string{"Replace": {added: file}})
	if err != nil {
		return "", err
	}
	if err := os.WriteFile(file, []byte(nextMigration), 0o600); err != nil {
		return "", err
	}
	if err := os.WriteFile(filepath.Join(dir, "overlay.json"), overlay, 0o600); err != nil {
		return "", err
	}
	bin := filepath.Join(dir, "parley-next")
	cmd := exec.CommandContext(ctx, "go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-o", bin, "parley/cmd/parley")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build: %w: %s", err, out)
	}
	return bin, nil
}

// buildRevision compiles the program as it was at a revision.
func buildRevision(ctx context.Context, dir, revision string) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "parley").Output()
	if err != nil {
		return "", err
	}
	source, bin := filepath.Join(dir, "source"), filepath.Join(dir, "parley-from")
	if err := os.Mkdir(source, 0o700); err != nil {
		return "", err
	}
	archive := exec.CommandContext(ctx, "git", "archive", "--output="+source+".tar", revision)
	archive.Dir = strings.TrimSpace(string(root))
	unpack := exec.CommandContext(ctx, "tar", "-x", "-f", source+".tar", "-C", source)
	compile := exec.CommandContext(ctx, "go", "build", "-o", bin, "./cmd/parley")
	compile.Dir, compile.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	for _, cmd := range []*exec.Cmd{archive, unpack, compile} {
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%s: %w: %s", cmd.Args[0], err, out)
		}
	}
	return bin, nil
}
