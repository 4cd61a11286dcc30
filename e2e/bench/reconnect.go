package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// stormNodes share the clients, and as many processes play them.
const stormNodes = 2

// fromOneAddress are the product's own settings, but for those that belong to an address: all clients are on this machine.
var fromOneAddress = []string{"--rate-limit=100000/m", "--events-per-minute=100000", "--connections-per-ip=0", "--connection-rate-per-ip=0"}

// reconnectStorm has all connections of a server cut at once, while people talk, and measures what their coming back costs. "parley bench"
// plays them, and checks that nobody lacks anything in the end.
func reconnectStorm(o options) error {
	dir, err := os.MkdirTemp("", "parley-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	bin, err := buildProduct(dir)
	if err != nil {
		return err
	}
	c, err := startClusterWith(append(fromOneAddress, o.settings()...), bin, dir, stormNodes, false)
	if err != nil {
		return err
	}
	defer c.stop()
	q, err := countQueries(c)
	if err != nil {
		return err
	}
	defer func() { _ = q.Close(context.Background()) }()
	args := []string{"bench", "--storm", "--reconnects=0", "--report=", fmt.Sprint("--processes=", stormNodes), fmt.Sprint("--people=", o.room.people), fmt.Sprint("--rate=", o.room.rate),
		fmt.Sprint("--readers=", o.room.readers), fmt.Sprint("--ramp=", o.room.ramp), fmt.Sprint("--duration=", o.room.duration)}
	for _, port := range c.ports() {
		args = append(args, fmt.Sprintf("http://127.0.0.1:%d", port))
	}
	people := exec.Command(bin, args...)
	people.Stdout, people.Stderr = os.Stdout, os.Stderr
	people.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := people.Start(); err != nil {
		return err
	}
	err = c.watchStorm(q, o.room)
	return errors.Join(err, people.Wait())
}

// watchStorm waits until most connections are gone, and until they are back, and says what was used meanwhile.
func (c *cluster) watchStorm(q *pgx.Conn, o roomOptions) error {
	deadline := time.Now().Add(2*o.ramp + o.duration + time.Minute)
	until := func(enough func(n int) bool) error {
		for {
			n, err := c.connections()
			if err != nil || enough(n) {
				return err
			}
			if time.Now().After(deadline) {
				return fmt.Errorf("there is no storm, or no end of it: %d are connected", n)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	if err := until(func(n int) bool { return n >= o.people }); err != nil {
		return err
	}
	nodes, postgres, redis := c.used()
	queries, err := queriesSoFar(q)
	if err == nil {
		err = until(func(n int) bool { return n < o.people/2 })
	}
	begun := time.Now()
	if err == nil {
		err = until(func(n int) bool { return n >= o.people*99/100 })
	}
	if err != nil {
		return err
	}
	back := time.Since(begun)
	time.Sleep(5 * time.Second) // they join and catch up
	nodes2, postgres2, redis2 := c.used()
	queries2, err := queriesSoFar(q)
	n := float64(o.people)
	fmt.Printf("%d connections to %d nodes, %g messages/s; cut at once, 99 %% are connected again after %.1f s\n", o.people, stormNodes, o.rate, back.Seconds())
	fmt.Printf("  for each: CPU-ms of the nodes %.2f, of Postgres %.2f, of Redis %.3f; statements %.2f; with what else there was from before it until 5 s later\n",
		(nodes2-nodes)*1e3/n, (postgres2-postgres)*1e3/n, (redis2-redis)*1e3/n, float64(queries2-queries)/n)
	return errors.Join(err, tellQueries(q))
}

// connections is how many the nodes have together.
func (c *cluster) connections() (sum int, err error) {
	for _, s := range c.nodes {
		text, err := s.get("/health")
		var health struct{ Connections int }
		if err == nil {
			err = json.Unmarshal([]byte(text), &health)
		}
		if err != nil {
			return 0, err
		}
		sum += health.Connections
	}
	return sum, nil
}

// countQueries makes Postgres count them.
func countQueries(c *cluster) (*pgx.Conn, error) {
	q, err := pgx.Connect(context.Background(), c.postgres.URL("postgres"))
	if err != nil {
		return nil, err
	}
	_, err = q.Exec(context.Background(), "CREATE EXTENSION pg_stat_statements")
	return q, err
}

func queriesSoFar(q *pgx.Conn) (n int64, err error) {
	err = q.QueryRow(context.Background(), "SELECT sum(calls)::bigint FROM pg_stat_statements").Scan(&n)
	return n, err
}

// tellQueries prints the statements that have taken the most time.
func tellQueries(q *pgx.Conn) error {
	rows, err := q.Query(context.Background(), `SELECT calls, total_exec_time::float8, rows, regexp_replace(query, '\s+', ' ', 'g') FROM pg_stat_statements ORDER BY 2 DESC LIMIT 12`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var calls, found int64
		var took float64
		var text string
		if err := rows.Scan(&calls, &took, &found, &text); err != nil {
			return err
		}
		fmt.Printf("  %7d times %8.0f ms %9d rows  %.110s\n", calls, took, found, text)
	}
	return rows.Err()
}
