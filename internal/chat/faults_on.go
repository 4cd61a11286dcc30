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

// Clock is a clock that is wrong by what is written, as -24h, in the file that PARLEY_CLOCK names.
func Clock() time.Time {
	text, _ := os.ReadFile(os.Getenv("PARLEY_CLOCK")) // without one it is right
	offset, _ := time.ParseDuration(string(text))
	return time.Now().Add(offset)
}
