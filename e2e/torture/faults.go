package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// faults are those that a server built with the tag "faults" has: see the calls of fault in internal/chat and internal/live.
var faults = []string{
	"acked-before-commit", "failed-but-saved", "delivered-twice", "gap-in-the-log", "ids-forgotten", "wrong-seq-in-ack", "change-not-stored",
	"change-without-entry", "catch-up-skips", "history-before-joining", "hears-after-leaving", "delivery-lost", "out-of-order",
}

// faultyRest is short: what a server has lost for good, its clients ask for without end.
const faultyRest = 20 * time.Second

// tryFaults runs the server with each fault and fails when the check does not find it.
func tryFaults(ctx context.Context, c config) error {
	dir, err := os.MkdirTemp("", "parley-torture-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if c.bin, err = build(ctx, dir, true); err != nil {
		return err
	}
	c.atLeast, c.leaving = 200, 5 // less may not show the fault
	c.rest = faultyRest
	missed := 0
	for _, fault := range faults {
		c.fault = fault
		r, err := run(ctx, c)
		found := shows(r, err)
		if !found {
			missed++
		}
		fmt.Printf("%-24s %-8s found %-5v %s\n", fault, c.database, found, r)
		if err != nil {
			fmt.Println("  ended with:", err)
		}
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d seeded faults were not found", missed, len(faults))
	}
	return nil
}

// shows is whether a run has found something wrong with what it tried. A run that could not be made has found nothing.
func shows(r report, err error) bool { return len(r.Problems) > 0 || errors.Is(err, errUnrest) }
