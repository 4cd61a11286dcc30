// Command wiregen writes the TypeScript types of what goes over the wire, from the registry of events: web/src/wire.gen.ts.
package main

import (
	"bytes"
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode"

	"parley/internal/live"
)

func main() {
	if _, err := os.Stdout.Write(generate()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// unions are the values of strings that have a type of their own.
var unions = map[string]string{
	"Kind": "'invalid' | 'unauthenticated' | 'forbidden' | 'not-found' | 'conflict' | 'rate-limited' | 'too-large' | 'unavailable' | 'unconfirmed' | 'second-factor' | 'retry' | 'internal'",
	"Role": "'owner' | 'admin' | 'moderator' | 'member' | 'guest'", "RoomKind": "'public' | 'private' | 'announcement' | 'direct' | 'group' | 'thread'",
	"HistoryMode": "'all' | 'joined'", "Level": "'all' | 'mentions' | 'none' | ''", "DirectFrom": "'everybody' | 'shared' | 'nobody'",
	"PersonalKind": "'saved' | 'draft' | 'room' | 'notify' | 'privacy' | 'block' | 'scheduled' | 'reminder'",
	"EntryKind":    "'message' | 'edit' | 'delete' | 'react' | 'unreact' | 'create' | 'update' | 'join' | 'leave' | 'kick' | 'ban' | 'role' | 'pin' | 'unpin' | 'poll' | 'preview' | 'thread'",
}

// generator collects the types that are met.
type generator struct {
	out   bytes.Buffer
	named map[string]bool
	queue []reflect.Type
	ask   map[reflect.Type]bool // payloads of clients, whose fields may all be left out
}

func generate() []byte {
	g := &generator{named: map[string]bool{}, ask: map[reflect.Type]bool{}}
	g.line("// Generated from the server's registry of events by `make gen`: do not edit.")
	g.line("")
	for _, e := range live.Registry() {
		g.ask[e.In] = true
	}
	g.line("export interface ServerEvents {")
	for _, e := range live.Told() {
		g.line("  '%s': (payload: %s) => void;", e.Name, g.ref(e.Out))
	}
	g.line("}")
	g.line("")
	g.line("export interface Requests {")
	for _, e := range live.Registry() {
		g.line("  '%s': { payload: %s; answer: %s };", e.Name, g.ref(e.In), g.ref(e.Out))
	}
	g.line("}")
	g.line("")
	g.line("/** An event of a catch-up: what it carried when it was live. */")
	g.line("export type News = { [K in keyof ServerEvents]: { event: K; payload: Parameters<ServerEvents[K]>[0] } }[keyof ServerEvents];")
	g.ref(live.Refusal())
	for len(g.queue) > 0 {
		t := g.queue[0]
		g.queue = g.queue[1:]
		g.declare(t)
	}
	return g.out.Bytes()
}

func (g *generator) line(format string, args ...any) {
	_, _ = fmt.Fprintf(&g.out, format+"\n", args...)
}

// ref is the name of a type in TypeScript; a type that is met for the first time is declared later.
func (g *generator) ref(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Pointer:
		return g.ref(t.Elem())
	case reflect.Slice:
		return g.ref(t.Elem()) + "[]"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int64, reflect.Float64:
		return "number"
	case reflect.Interface:
		return "unknown"
	case reflect.String:
		if t.PkgPath() == "" {
			return "string"
		}
	case reflect.Struct:
		switch {
		case t.Name() == "wireNews":
			return "News"
		case t.NumField() == 0:
			return "Record<string, never>"
		}
	default:
		panic("no TypeScript for " + t.String())
	}
	name := nameOf(t)
	if !g.named[name] {
		g.named[name] = true
		g.queue = append(g.queue, t)
	}
	return name
}

// nameOf is the Go name without what only Go needs.
func nameOf(t reflect.Type) string {
	switch t.Name() {
	case "ok":
		return "Done"
	case "Kind":
		return "ErrorCode"
	}
	name := []rune(strings.TrimPrefix(t.Name(), "wire"))
	name[0] = unicode.ToUpper(name[0])
	return string(name)
}

func (g *generator) declare(t reflect.Type) {
	g.line("")
	if t.Kind() == reflect.String {
		union, ok := unions[t.Name()]
		if !ok {
			panic("what are the values of " + t.Name() + "?")
		}
		g.line("export type %s = %s;", nameOf(t), union)
		return
	}
	g.line("export interface %s {", nameOf(t))
	g.fields(t, g.ask[t])
	g.line("}")
}

func (g *generator) fields(t reflect.Type, optional bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Anonymous {
			g.fields(f.Type, optional)
			continue
		}
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		mark := ""
		if optional || strings.Contains(options, "omitempty") {
			mark = "?"
		}
		kind := g.ref(f.Type)
		if name == "success" {
			kind = map[bool]string{true: "false", false: "true"}[t == live.Refusal()]
		}
		g.line("  %s%s: %s;", name, mark, kind)
	}
}
