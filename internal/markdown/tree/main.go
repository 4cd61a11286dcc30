// Command tree reads a JSON list of messages and writes the list of what the server makes of each: its tree and its plain text. The web
// client's tests hold their own parser against it.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"parley/internal/markdown"
)

type parsed struct {
	Tree  []markdown.Node `json:"tree"`
	Plain string          `json:"plain"`
}

func main() {
	var messages []string
	if err := json.NewDecoder(os.Stdin).Decode(&messages); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	out := make([]parsed, len(messages))
	for i, m := range messages {
		out[i] = parsed{Tree: markdown.Parse(m), Plain: markdown.Plain(m)}
	}
	if err := json.NewEncoder(os.Stdout).Encode(out); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
