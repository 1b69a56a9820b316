-- The journal held against the facts (control.py), while the matching's own tables stand (matching.sql).

-- name: fact_totals
-- What do the facts come to, currency by currency?
SELECT currency, paid, by_status, earned, earned_tax, refunded, held
  FROM match_totals WHERE excluded IS NULL ORDER BY currency


-- name: book_totals
-- What does the journal hold, by kind of event and account?
SELECT currency, split_part(event, ':', 1) AS kind, account, sum(debit) AS debit, sum(credit) AS credit
  FROM journal_line WHERE store = :store GROUP BY 1, 2, 3 ORDER BY 1, 2, 3


-- name: match_deferred
-- Which orders' deferred income is not what is left to send of them, and which breaks of the order explain it?
-- Pennies that parts of lines rounded apart explain themselves.
CREATE TEMPORARY TABLE match_deferred ON COMMIT DROP AS
SELECT o.order_id, o.currency, h.held - coalesce(j.deferred, 0) AS amount,
       coalesce(b.codes, CASE WHEN abs(h.held - coalesce(j.deferred, 0)) <= (o.lines + 1) / power(10::numeric, o.decimals)
                              THEN ARRAY['rounding'] ELSE CAST('{}' AS text[]) END) AS codes
  FROM match_orders o
  LEFT JOIN (SELECT order_id, sum(credit - debit) AS deferred FROM journal_line
              WHERE store = :store AND account = 'deferred_income' GROUP BY order_id) j ON j.order_id = o.order_id
  LEFT JOIN (SELECT order_id, array_agg(DISTINCT code) AS codes FROM match_breaks
              WHERE code = ANY(:explaining) GROUP BY order_id) b ON b.order_id = o.order_id
  CROSS JOIN LATERAL (SELECT CASE WHEN o.excluded IS NULL THEN o.held ELSE 0 END AS held) h
 WHERE coalesce(j.deferred, 0) <> h.held


-- name: deferred_differences
-- The first of them, those that nothing explains before the others.
SELECT order_id, currency, amount, codes FROM match_deferred ORDER BY codes <> '{}', order_id LIMIT :most


-- name: deferred_explained
-- How many are they, and what do named breaks explain, currency by currency?
SELECT currency, count(*) AS orders, coalesce(sum(amount) FILTER (WHERE codes <> '{}'), 0) AS explained
  FROM match_deferred GROUP BY currency


-- name: movements
-- How did deferred income move in a time, and with what did it open? By kind of event.
SELECT currency, coalesce(sum(credit - debit) FILTER (WHERE posting_date < :first), 0) AS opening,
       coalesce(sum(credit - debit) FILTER (WHERE split_part(event, ':', 1) = 'payment' AND posting_date >= :first), 0)
           AS paid,
       coalesce(sum(debit - credit) FILTER (WHERE split_part(event, ':', 1) IN ('despatch', 'digital')
                                              AND posting_date >= :first), 0) AS earned,
       coalesce(sum(debit - credit) FILTER (WHERE split_part(event, ':', 1) = 'refund' AND posting_date >= :first), 0)
           AS refunded,
       coalesce(sum(debit - credit) FILTER (WHERE split_part(event, ':', 1) = 'cancellation'
                                              AND posting_date >= :first), 0) AS cancelled,
       sum(credit - debit) AS closing
  FROM journal_line
 WHERE store = :store AND account = 'deferred_income' AND posting_date <= :last
 GROUP BY currency ORDER BY currency
