// Package parley is the module's root. It holds no code: see ARCHITECTURE.md for the rooms.
package parley
