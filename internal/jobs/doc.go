// Package jobs is work that outlives the request that asked for it: mail, push, webhooks.
//
// A job is a row that the transaction which is the reason for it puts into the table, so that there is a job if and only if there is a
// reason. Any node takes it for the time of a lease; whoever is done removes it, whoever fails lets it wait, each time longer, and gives
// up after so many attempts: then it is dead, and kept to be looked at. A process that dies with a job in its hands loses its lease, and
// another one begins anew. So a job is done at least once, perhaps twice, and its id is the same each time.
//
// River was the other choice. It has a schema of its own for each database, so that neither a backup nor a move between the databases
// could copy its rows as they are.
//
// All functions may be called concurrently.
package jobs
