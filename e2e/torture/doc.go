// Command torture looks for lost, doubled, reordered and leaked messages. It runs the built server, lets clients write, edit, react,
// come and go while the server, its database and their connections are killed, records what every client asked for and what it was
// told, heals everything, and checks the history against the log in the database: see check.go for what must hold.
//
//	go run ./e2e/torture -duration 1m -database sqlite -kill server
//
// With -fault NAME the server is built with a seeded fault, which the check must find: the proof that it can fail.
package main
