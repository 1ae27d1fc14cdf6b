package postgres

import (
	"context"
	"log/slog"
	"time"
)

// ListenWith is Listen with another heartbeat, and another time for the connection to answer it.
func ListenWith(ctx context.Context, url string, to Invalidator, heartbeat, patience time.Duration) error {
	config, _, err := parse(url)
	if err != nil {
		return err
	}
	l := listener{config: config, to: to, logger: slog.New(slog.DiscardHandler), heartbeat: heartbeat, patience: patience}
	return l.run(ctx)
}
