package chat

import (
	"context"

	"parley/internal/db"
)

// RenewEpochs tells all clients, when they come back, that the logs are not those that they know: after a restored backup entries
// that they have seen may be missing.
func RenewEpochs(ctx context.Context, d *db.DB) error {
	return d.Tx(ctx, func(tx *db.Tx) error {
		_, err := tx.Exec(ctx, `UPDATE rooms SET epoch = $1`, newID())
		return err
	})
}
