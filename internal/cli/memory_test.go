package cli

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMemoryIsLimitedToWhatThereIs(t *testing.T) {
	const gib = 1 << 30
	for name, tc := range map[string]struct {
		files map[string]string
		want  int64
	}{
		"nothing is known":    {nil, 0},
		"a machine":           {map[string]string{"proc/meminfo": "MemTotal:  8388608 kB\nMemFree: 1 kB\n"}, 6 * gib},
		"a container":         {map[string]string{"proc/meminfo": "MemTotal: 8388608 kB\n", "sys/fs/cgroup/memory.max": "1000000000\n"}, 900_000_000},
		"one without a limit": {map[string]string{"proc/meminfo": "MemTotal: 8388608 kB\n", "sys/fs/cgroup/memory.max": "max\n"}, 6 * gib},
		"a group": {map[string]string{
			"proc/meminfo": "MemTotal: 8388608 kB\n", "proc/self/cgroup": "0::/system.slice/parley.service\n",
			"sys/fs/cgroup/system.slice/parley.service/memory.max": "500000000",
		}, 450_000_000},
		"the older groups": {map[string]string{
			"proc/meminfo": "MemTotal: 8388608 kB\n", "proc/self/cgroup": "4:memory:/docker/x\n3:cpu:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712", "sys/fs/cgroup/memory/docker/x/memory.limit_in_bytes": "500000000",
		}, 450_000_000},
	} {
		root := t.TempDir()
		for file, text := range tc.files {
			if err := os.MkdirAll(filepath.Join(root, filepath.Dir(file)), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, file), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if got := availableMemory(root); got != tc.want {
			t.Errorf("%s: %d, want %d", name, got, tc.want)
		}
	}
	for _, tc := range [][3]int64{{256 << 20, 8 * gib, 256 << 20}, {256 << 20, gib / 2, gib / 8}, {0, gib, gib / 4}, {256 << 20, 0, 256 << 20}} {
		if got := outboundShare(tc[0], tc[1]); got != tc[2] {
			t.Errorf("of %d with %d of memory: %d, want %d", tc[0], tc[1], got, tc[2])
		}
	}
	for _, tc := range [][3]int64{{32 << 20, 256 << 20, 32 << 20}, {32 << 20, 64 << 20, 8 << 20}, {0, 256 << 20, 32 << 20}, {32 << 20, 0, 32 << 20}, {1 << 20, 256 << 20, 1 << 20}} {
		if got := perAddress(tc[0], tc[1]); got != tc[2] {
			t.Errorf("of %d with %d for all: %d, want %d", tc[0], tc[1], got, tc[2])
		}
	}
}
