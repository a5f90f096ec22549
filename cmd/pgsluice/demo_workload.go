package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"
)

// Three sessions of up to 80 transactions a second leave two processor cores
// time for the servers and for pgsluice.
const (
	workloadSessions = 3
	workloadEvery    = 12500 * time.Microsecond
)

// workload is a shop at work. Its numbers may be read when run has returned.
type workload struct {
	committed, rolledBack atomic.Int64
}

// run goes on until over is closed, and lets transactions in hand end.
func (w *workload) run(ctx context.Context, dsn string, over <-chan struct{}) error {
	group, ctx := errgroup.WithContext(ctx)
	for range workloadSessions {
		group.Go(func() error { return w.session(ctx, dsn, over) })
	}
	if err := group.Wait(); err != nil {
		return fmt.Errorf("the demo's workload: %w", err)
	}
	return nil
}

func (w *workload) session(ctx context.Context, dsn string, over <-chan struct{}) error {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	ticker := time.NewTicker(workloadEvery)
	defer ticker.Stop()
	for {
		select {
		case <-over:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-ticker.C:
		}
		t := pickTransaction()
		if err := w.execute(ctx, conn.PgConn(), t); err != nil {
			return fmt.Errorf("%s: %w", t.name, err)
		}
	}
}

// execute sends a whole transaction at once. Sessions that meet are part of a
// shop's life: a deadlock is a transaction that was rolled back.
func (w *workload) execute(ctx context.Context, conn *pgconn.PgConn, t transaction) error {
	results, err := conn.Exec(ctx, "BEGIN;\n"+t.sql).ReadAll()
	var answer *pgconn.PgError
	switch {
	case err == nil:
	case errors.As(err, &answer) && answer.Code == "40P01":
		results, err = conn.Exec(ctx, "ROLLBACK").ReadAll()
		if err != nil {
			return err
		}
	default:
		return err
	}
	if results[len(results)-1].CommandTag.String() == "COMMIT" {
		w.committed.Add(1)
	} else {
		w.rolledBack.Add(1)
	}
	return nil
}

// transaction is what one visitor or clerk does; weight is how often, compared
// with the others.
type transaction struct {
	name   string
	weight int
	sql    string
}

func pickTransaction() transaction {
	total := 0
	for _, t := range transactions {
		total += t.weight
	}
	n := rand.IntN(total)
	for _, t := range transactions {
		if n -= t.weight; n < 0 {
			return t
		}
	}
	panic("unreachable: the weights add up")
}

var transactions = []transaction{
	{"place an order", 300, `
		INSERT INTO orders (customer_id, deliver_on, gift) SELECT some_customer(), current_date + 3, random() < 0.1;
		INSERT INTO order_lines SELECT currval('orders_id_seq'), n, some_product(), 1 + (random() * 5)::int, (random() * 100)::numeric(12,2), random()::numeric
			FROM generate_series(1, 1 + (random() * 4)::int) n;
		UPDATE orders SET status = 'paid', total = (SELECT sum(quantity * price) FROM order_lines WHERE order_id = (SELECT currval('orders_id_seq')))
			WHERE id = (SELECT currval('orders_id_seq'));
		UPDATE customers SET credit = credit - 1, rating = random() * 5 WHERE id = (SELECT customer_id FROM orders WHERE id = (SELECT currval('orders_id_seq')));
		INSERT INTO events (kind, subject, seconds, details) SELECT 'order', currval('orders_id_seq'), random(), '{"by": "web", "n": [1.0, 2e3, null]}';
		INSERT INTO audit_log (who, what, success) SELECT 'web', 'order ' || currval('orders_id_seq'), true;
		COMMIT`},
	{"send orders off", 150, `
		UPDATE orders SET status = 'shipped', deliver_at = time '08:00' + random() * interval '8 hours', note = NULL
			WHERE id BETWEEN (SELECT some_order()) AND (SELECT some_order()) AND id % 997 = (SELECT (random() * 996)::int);
		INSERT INTO events (kind, seconds) SELECT 'shipped', random() * 1e6 FROM generate_series(1, 3);
		COMMIT`},
	// The biography stays as it is, and where it is long the log does not carry it.
	{"a customer changes the profile", 200, `
		UPDATE customers SET profile = jsonb_build_object('theme', 'light', 'at', clock_timestamp()), tags = tags || 'edited'::text, newsletter = NOT newsletter
			WHERE id = (SELECT some_customer());
		UPDATE customers SET born = NULL, avatar = decode(md5(random()::text), 'hex') WHERE id = (SELECT some_author());
		COMMIT`},
	{"a customer writes a biography", 60, `
		UPDATE customers SET biography = CASE (random() * 3)::int WHEN 0 THEN NULL WHEN 1 THEN 'brief' ELSE noise(280) END WHERE id = (SELECT some_customer());
		COMMIT`},
	{"a customer comes, edits and goes on", 50, `
		INSERT INTO customers (name, email, country, biography) SELECT 'New', 'new@shop.example', 'US', noise(270);
		UPDATE customers SET credit = 10, tags = '{a,b}' WHERE id = (SELECT currval('customers_id_seq'));
		UPDATE customers SET rating = 'NaN' WHERE id = (SELECT currval('customers_id_seq'));
		COMMIT`},
	{"a product changes", 80, `
		UPDATE products SET price = price * 1.01, weight = coalesce(weight, 0) + 0.10, sizes = sizes[1:2] || (random() * 50)::int WHERE sku = (SELECT some_product());
		UPDATE products SET discount = NULL, available_from = NULL WHERE sku = (SELECT some_product());
		COMMIT`},
	{"an order is cancelled", 60, `
		DELETE FROM orders WHERE id = (SELECT some_order());
		INSERT INTO audit_log (who, what, trace, success) VALUES ('clerk', 'cancelled', gen_random_uuid(), false);
		COMMIT`},
	// The lines follow by their foreign key.
	{"an order gets a new number", 40, `
		UPDATE orders SET id = nextval('orders_id_seq') WHERE id = (SELECT some_order());
		COMMIT`},
	// The key and nothing else: what is long has to follow to the new key.
	{"a customer gets a new number", 40, `
		UPDATE customers SET id = nextval('customers_id_seq') WHERE id = (SELECT some_author());
		COMMIT`},
	{"a product gets a new number", 20, `
		UPDATE products SET sku = 'Q' || nextval('orders_id_seq') WHERE sku = (SELECT some_product());
		COMMIT`},
	{"a customer leaves and returns", 30, `
		WITH gone AS (DELETE FROM customers WHERE id = (SELECT some_customer()) RETURNING id, name, email, country)
			INSERT INTO audit_log (who, what) SELECT 'gone', id::text || ' ' || name FROM gone;
		DELETE FROM events WHERE id = (SELECT id FROM events LIMIT 1);
		INSERT INTO customers (id, name, email, country) VALUES (1, 'One', 'one@shop.example', 'FR') ON CONFLICT (id) DO UPDATE SET credit = customers.credit + 1;
		DELETE FROM customers WHERE id = 1;
		INSERT INTO customers (id, name, email, country) VALUES (1, 'One again', 'one@shop.example', 'FR');
		COMMIT`},
	{"a clerk changes his mind", 40, `
		INSERT INTO events (kind) VALUES ('kept');
		SAVEPOINT here;
		DELETE FROM order_lines WHERE order_id = (SELECT some_order());
		INSERT INTO events (kind) SELECT 'never happened' FROM generate_series(1, 20);
		ROLLBACK TO SAVEPOINT here;
		UPDATE orders SET discount = 5 WHERE id = (SELECT some_order());
		COMMIT`},
	{"a payment fails", 30, `
		INSERT INTO orders (customer_id) SELECT some_customer();
		INSERT INTO order_lines SELECT currval('orders_id_seq'), n, some_product(), 1, 1 FROM generate_series(1, 5) n;
		DELETE FROM customers WHERE id = (SELECT some_customer());
		ROLLBACK`},
	{"offers change places", 30, `
		UPDATE offers SET id = -id;
		UPDATE offers SET off = (random() * 99)::numeric(5,2) WHERE id % 3 = 0;
		COMMIT`},
	{"offers are made anew", 1, `
		TRUNCATE offers;
		INSERT INTO offers SELECT n, some_product(), (random() * 99)::numeric(5,2), NULL FROM generate_series(1, 20) n;
		COMMIT`},
}
