//go:build faults

package chat

import (
	"math/rand/v2"
	"os"
	"time"
)

// fault reports whether the fault that PARLEY_FAULT names is to strike now: one time in five.
func fault(name string) bool { return os.Getenv("PARLEY_FAULT") == name && rand.IntN(5) == 0 }

// Fault is fault for the doors.
func Fault(name string) bool { return fault(name) }

// Clock is a clock that PARLEY_CLOCK_OFFSET, as -24h, has put wrong.
func Clock() time.Time {
	offset, _ := time.ParseDuration(os.Getenv("PARLEY_CLOCK_OFFSET")) // without one it is right
	return time.Now().Add(offset)
}
