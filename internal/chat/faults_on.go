//go:build faults

package chat

import (
	"math/rand/v2"
	"os"
)

// fault reports whether the fault that PARLEY_FAULT names is to strike now: one time in five.
func fault(name string) bool { return os.Getenv("PARLEY_FAULT") == name && rand.IntN(5) == 0 }

// Fault is fault for the doors.
func Fault(name string) bool { return fault(name) }
