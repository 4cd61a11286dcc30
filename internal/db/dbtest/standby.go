package dbtest

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Standby makes a cluster that follows this one. When it returns, this one waits for the other with every commit.
func (c *Cluster) Standby() (*Cluster, error) {
	dir, err := os.MkdirTemp("", "parley-standby-")
	if err != nil {
		return nil, err
	}
	s := &Cluster{dir: dir, bin: c.bin}
	if err := c.follow(s); err != nil {
		if s.done != nil {
			s.Close()
		}
		return nil, errors.Join(err, os.RemoveAll(dir))
	}
	return s, nil
}

func (c *Cluster) follow(s *Cluster) error {
	copied := s.command("pg_basebackup", "-D", filepath.Join(s.dir, "data"), "-h", "127.0.0.1", "-p", strconv.Itoa(c.port), "-U", "postgres",
		"-X", "stream", "-c", "fast", "-R", "--no-sync")
	if out, err := copied.CombinedOutput(); err != nil {
		return fmt.Errorf("pg_basebackup: %w: %s", err, out)
	}
	if err := s.Run(); err != nil {
		return err
	}
	if err := c.sql("ALTER SYSTEM SET synchronous_standby_names = '*'"); err != nil {
		return err
	}
	if err := c.sql("SELECT pg_reload_conf()"); err != nil {
		return err
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(50 * time.Millisecond) {
		if n, err := c.ask("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'"); err == nil && n == "1" {
			time.Sleep(300 * time.Millisecond) // those who commit have heard of it
			return nil
		}
	}
	return errors.New("the standby is never in step")
}

// Promote makes a standby a cluster of its own, when the one that it followed is gone.
func (c *Cluster) Promote() error { return c.sql("SELECT pg_promote(true, 20)") }
