//go:build !faults

package chat

import "time"

// fault reports whether a seeded fault strikes now: never, outside of the builds that prove that the history checker can fail.
func fault(string) bool { return false }

// Fault is fault for the doors.
func Fault(string) bool { return false }

// Clock is the clock of the server.
func Clock() time.Time { return time.Now() }
