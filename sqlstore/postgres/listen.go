package postgres

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Invalidator is whom [Listen] tells of changes. A *cachestore.Store is one.
type Invalidator interface {
	// Invalidate forgets the license with this id.
	Invalidate(id uuid.UUID)

	// InvalidateAll forgets everything.
	InvalidateAll()
}

// ListenOptions are the choices of [Listen]. The zero value is ready to use.
type ListenOptions struct {
	// Logger is told when listening begins and when the connection is lost; nil means nobody.
	Logger *slog.Logger
}

// Listen tells a cache of each license that anybody changes in the database, some milliseconds
// after the commit, until ctx is done:
//
//	go postgres.Listen(ctx, url, cached, postgres.ListenOptions{Logger: logger})
//
// The database must have been opened with [Options].Notify, by any instance, once.
//
// It keeps one connection of its own. When that is lost it connects again, at once at first
// and every half minute at last; one that has gone silent is noticed within 15 seconds. What is changed
// meanwhile is not told: the cache's own greatest staleness is what holds then, and each time it
// has connected Listen begins with InvalidateAll.
//
// The URL must lead to the server itself: PgBouncer in transaction mode takes the command to listen
// and passes on nothing. One that cannot be parsed is an error at once; otherwise Listen returns
// only when ctx is done, with its error.
func Listen(ctx context.Context, url string, to Invalidator, o ListenOptions) error {
	config, _, err := parse(url)
	if err != nil {
		return fmt.Errorf("postgres: listening: %w", err)
	}
	l := listener{config: config, to: to, logger: o.Logger, heartbeat: heartbeat, patience: heartbeatTimeout}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	return l.run(ctx)
}

// run listens again and again, until ctx is done.
func (l *listener) run(ctx context.Context) error {
	for pause := firstPause; ; pause = min(2*pause, maxPause) {
		listened, err := l.listen(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if listened {
			pause = firstPause
		}
		l.logger.WarnContext(ctx, "license: not told of changes, connecting again", "error", err, "in", pause)
		select {
		case <-time.After(pause/2 + rand.N(pause)):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

const (
	firstPause = 100 * time.Millisecond
	maxPause   = 30 * time.Second

	// How often a connection on which nothing comes is tried, and how long it may take to
	// answer: the network can lose one without a word.
	heartbeat        = 10 * time.Second
	heartbeatTimeout = 5 * time.Second
)

type listener struct {
	config *pgx.ConnConfig
	to     Invalidator
	logger *slog.Logger

	heartbeat, patience time.Duration
}

// listen connects and listens until that fails.
func (l *listener) listen(ctx context.Context) (listened bool, err error) {
	conn, err := pgx.ConnectConfig(ctx, l.config.Copy())
	if err != nil {
		return false, err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = conn.Close(ctx)
	}()
	if err := l.begin(ctx, conn); err != nil {
		return false, err
	}
	for {
		if err := l.await(ctx, conn); err != nil {
			return true, err
		}
	}
}

// begin begins to listen, and says what looks as if nothing would come.
func (l *listener) begin(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, l.patience)
	defer cancel()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return err
	}
	l.to.InvalidateAll() // what is committed from here on is told
	var told bool
	var pid uint32
	if err := conn.QueryRow(ctx, hasTriggers).Scan(&told); err != nil {
		return err
	}
	if err := conn.QueryRow(ctx, `SELECT pg_backend_pid()`).Scan(&pid); err != nil {
		return err
	}
	switch {
	case !told:
		l.logger.WarnContext(ctx, "license: the database tells nobody of changes: open it once with postgres.Options.Notify")
	case pid != conn.PgConn().PID():
		l.logger.WarnContext(ctx, "license: listening through a proxy, which may pass on nothing: use a URL that leads to the server itself")
	default:
		l.logger.InfoContext(ctx, "license: listening for changes")
	}
	return nil
}

// await waits for one notification, or finds that the connection is still alive.
func (l *listener) await(ctx context.Context, conn *pgx.Conn) error {
	wait, cancel := context.WithTimeout(ctx, l.heartbeat)
	defer cancel()
	n, err := conn.WaitForNotification(wait)
	if n != nil { // even beside an error, which comes again
		if id, err := uuid.Parse(n.Payload); err == nil {
			l.to.Invalidate(id)
		} else {
			l.to.InvalidateAll() // somebody else's, who may mean anything
		}
		return nil
	}
	if ctx.Err() != nil || wait.Err() == nil || conn.IsClosed() {
		return err
	}
	ping, cancelPing := context.WithTimeout(ctx, l.patience)
	defer cancelPing()
	return conn.Ping(ping)
}
