package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

func printMachine(p *peerSet) {
	cpu := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.SplitSeq(string(text), "\n") {
			if name, ok := strings.CutPrefix(line, "model name"); ok {
				cpu = strings.Trim(name, "\t: ")
				break
			}
		}
	}
	var u unix.Utsname
	_ = unix.Uname(&u) // an empty release is fine
	node, _ := exec.Command("node", "--version").Output()
	fmt.Printf("%s, %d processors, Linux %s, %s, Node %s, socket.io %s\n", cpu, runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]),
		runtime.Version(), strings.TrimSpace(string(node)), p.nodeVersion)
	fmt.Printf("server on processor 0, generator on processor 1; median of the rounds (least–most)\n\n")
}

func median(v []float64) float64 {
	s := slices.Sorted(slices.Values(v))
	return s[len(s)/2]
}

// column takes the i-th figure of each round.
func column(sc scenario, rounds []float64, i int) []float64 {
	var out []float64
	for at := i; at < len(rounds); at += len(sc.figures) {
		out = append(out, rounds[at])
	}
	return out
}

func report(sc scenario, peers []peer, results map[string][]float64) {
	fmt.Println(sc.name)
	for i, figure := range sc.figures {
		base := 0.0
		if rounds := results["node"]; rounds != nil {
			base = median(column(sc, rounds, i))
		}
		for _, p := range peers {
			v := column(sc, results[p.name], i)
			if len(v) == 0 {
				continue
			}
			line := fmt.Sprintf("  %-34s %-10s %12.4g  (%.4g–%.4g)", figure, p.name, median(v), slices.Min(v), slices.Max(v))
			if base > 0 && p.name != "node" {
				line += fmt.Sprintf("  %6.2f × Node", median(v)/base)
				if i == 0 && sc.goal != "" {
					line += "  goal " + sc.goal
				}
			}
			fmt.Println(line)
			if base > 0 && p.product && figure == delivered {
				fmt.Println("  " + verdict(median(v)/base))
			}
		}
	}
	fmt.Println()
}

// verdict says in words what storing every message before its acknowledgement costs beside a server that stores nothing.
func verdict(ratio float64) string {
	which := "more"
	if ratio <= 1 {
		which = "NO MORE"
	}
	return fmt.Sprintf("→ Parley, with every message on the disk before its acknowledgement, delivers %s than Node, which stores none: %.2f times as much", which, ratio)
}
