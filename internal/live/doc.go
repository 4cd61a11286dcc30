// Package live is the socket door: who may connect, what each event means, and how what was committed reaches those who may see
// it. Requests come in as Socket.IO events, are checked for shape and rate, and become calls of package chat; what chat publishes
// goes out through Deliver, encoded once whatever the number of its receivers.
//
// Each event is a row of the registry in events.go, with its handler in the file of its family.
//
// Handlers of one connection run one at a time, in the order of its packets. Deliver is called by chat's committer, one event at
// a time.
package live
