package cli

import (
	"bytes"
	"os"
	"path/filepath"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
)

// limitMemory makes the collector keep to a limit in bytes, and returns it: the one that is set, or GOMEMLIMIT's, or a share of what
// there is. 0 is none: what there is is not known.
func limitMemory(set int64) int64 {
	if set == 0 && os.Getenv("GOMEMLIMIT") != "" {
		return debug.SetMemoryLimit(-1)
	}
	if set == 0 {
		set = availableMemory("/")
	}
	if set > 0 {
		debug.SetMemoryLimit(set)
	}
	return set
}

// usedMemory is how much of it the process has, in bytes.
func usedMemory() int64 {
	samples := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(samples)
	return int64(samples[0].Value.Uint64() - samples[1].Value.Uint64()) //nolint:gosec // no machine has so much
}

// availableMemory is nine tenths of what the container may use, or three quarters of the machine's memory, whichever is less.
func availableMemory(root string) int64 {
	limit := machineMemory(root) / 4 * 3
	for _, file := range cgroupFiles(root) {
		text, err := os.ReadFile(file) //nolint:gosec // the system's own
		if err != nil {
			continue
		}
		n, err := strconv.ParseInt(string(bytes.TrimSpace(text)), 10, 64)
		if err == nil && n > 0 && (limit == 0 || n/10*9 < limit) { // "max" is none
			limit = n / 10 * 9
		}
	}
	return limit
}

// cgroupFiles are those that may have a limit: of the process's own groups, and of the container's, which it sees as the root.
func cgroupFiles(root string) []string {
	v2, v1 := filepath.Join(root, "sys/fs/cgroup"), filepath.Join(root, "sys/fs/cgroup/memory")
	files := []string{filepath.Join(v2, "memory.max"), filepath.Join(v1, "memory.limit_in_bytes")}
	groups, _ := os.ReadFile(filepath.Join(root, "proc/self/cgroup")) //nolint:gosec // the system's own; without it there are none
	for line := range strings.Lines(string(groups)) {
		switch parts := strings.SplitN(strings.TrimSpace(line), ":", 3); {
		case len(parts) == 3 && parts[0] == "0":
			files = append(files, filepath.Join(v2, parts[2], "memory.max"))
		case len(parts) == 3 && parts[1] == "memory":
			files = append(files, filepath.Join(v1, parts[2], "memory.limit_in_bytes"))
		}
	}
	return files
}

func machineMemory(root string) int64 {
	text, _ := os.ReadFile(filepath.Join(root, "proc/meminfo")) //nolint:gosec // the system's own; without it nothing is known
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) >= 2 && f[0] == "MemTotal:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// outboundShare is how many bytes may wait for slow clients: what is set, but no more than a quarter of all memory.
func outboundShare(set, memory int64) int64 {
	quarter := memory / 4
	if set == 0 || quarter > 0 && set > quarter {
		return quarter
	}
	return set
}

// perAddress is how many bytes of them may wait for slow clients of one address: what is set, but no more than an eighth of all. So few
// addresses cannot make the server take itself for overloaded.
func perAddress(set, all int64) int64 {
	eighth := all / 8
	if set == 0 || eighth > 0 && set > eighth {
		return eighth
	}
	return set
}
