-- What the finance pack and the exports show (pack.py, exports.py). Days are posting dates, both ends included.

-- name: day_sums
-- What did each kind of event do to each account, day by day?
SELECT posting_date, split_part(event, ':', 1) AS kind, account, nominal, currency, sum(debit - credit) AS amount
  FROM journal_line
 WHERE store = :store AND posting_date BETWEEN :first AND :last
 GROUP BY 1, 2, 3, 4, 5 HAVING sum(debit - credit) <> 0
 ORDER BY currency, posting_date, kind, nominal, account


-- name: roll_forward
-- How did each account get from its opening to its closing balance, by kind of event? Debits are positive.
SELECT currency, account, CASE WHEN posting_date < :first THEN 'opening' ELSE split_part(event, ':', 1) END AS kind,
       sum(debit - credit) AS amount, count(DISTINCT event) AS events
  FROM journal_line
 WHERE store = :store AND posting_date <= :last
 GROUP BY 1, 2, 3
 ORDER BY 1, 2, 3


-- name: closing_balances
-- What stands on each account at the end? Asked apart from its movements, so that the two can be held against each other.
SELECT currency, account, min(nominal) AS nominal, sum(debit) - sum(credit) AS balance
  FROM journal_line
 WHERE store = :store AND posting_date <= :last
 GROUP BY 1, 2
 ORDER BY 1, 3, 2


-- name: debits_and_credits
-- What was debited and credited to each account in these days?
SELECT currency, account, sum(debit) AS debit, sum(credit) AS credit
  FROM journal_line
 WHERE store = :store AND posting_date BETWEEN :first AND :last
 GROUP BY 1, 2


-- name: journal
-- Every line of the journal, with the order that it can be traced to.
SELECT journal, posting_date, period, belongs_to, nominal, account, debit, credit, currency, narrative, event, order_id,
       evidence, posted_at, journal_line_id
  FROM journal_line
 WHERE store = :store AND posting_date BETWEEN :first AND :last
 ORDER BY posting_date, journal_line_id


-- name: schedule
-- Every line of an order that was placed, or of which something left or was paid back, in this time: what was ordered,
-- captured, despatched and refunded, and where the two systems have it.
WITH touched AS (
    SELECT order_id FROM bigcommerce_order WHERE store = :store AND created_at >= :start AND created_at < :stop
    UNION
    SELECT order_id FROM despatch
     WHERE store = :store AND despatched_at >= :start AND despatched_at < :stop AND voided_at IS NULL
    UNION
    SELECT order_id FROM bigcommerce_refund WHERE store = :store AND created_at >= :start AND created_at < :stop
    UNION
    SELECT order_id FROM bigcommerce_transaction WHERE store = :store AND created_at >= :start AND created_at < :stop
    UNION
    SELECT order_id FROM finance_break WHERE store = :store
),
sent AS (
    SELECT l.order_product_id, sum(l.quantity) AS units, min(d.despatched_at) AS first_at,
           string_agg(DISTINCT 'GO-' || d.goods_out_id || '/' || d.sequence, ' ') AS goods_outs
      FROM despatch d JOIN despatch_line l USING (store, goods_out_id, sequence)
     WHERE d.store = :store AND d.voided_at IS NULL AND d.order_id IN (SELECT order_id FROM touched)
     GROUP BY 1
),
parcels AS (
    SELECT d.order_id, string_agg(DISTINCT nullif(p.tracking_number, ''), ' ') AS tracking
      FROM despatch d JOIN despatch_parcel p USING (store, goods_out_id, sequence)
     WHERE d.store = :store AND d.voided_at IS NULL AND d.order_id IN (SELECT order_id FROM touched)
     GROUP BY 1
),
paid AS (
    SELECT order_id, string_agg(transaction_id::text, ' ' ORDER BY transaction_id) AS ids,
           string_agg(DISTINCT gateway, ' ') AS gateways, min(created_at) AS first_at
      FROM bigcommerce_transaction
     WHERE store = :store AND status = 'ok' AND event IN ('purchase', 'capture', 'settled')
       AND order_id IN (SELECT order_id FROM touched)
     GROUP BY 1
),
back AS (
    SELECT i.item_id AS order_product_id, sum(i.units) AS units, sum(i.amount) AS amount,
           string_agg(DISTINCT f.refund_id::text, ' ') AS ids
      FROM bigcommerce_refund f JOIN bigcommerce_refund_item i USING (store, refund_id)
     WHERE f.store = :store AND i.item_type = 'PRODUCT' AND f.amount > f.declined
       AND f.order_id IN (SELECT order_id FROM touched)
     GROUP BY 1
),
breaks AS (
    SELECT order_id, string_agg(DISTINCT code, ' ') AS codes FROM finance_break WHERE store = :store GROUP BY 1
)
SELECT o.order_id, l.order_product_id, l.sku, o.created_at, o.currency, o.status_id, o.payment_status,
       l.quantity, coalesce(s.units, 0) AS despatched, coalesce(b.units, 0) AS refunded_units,
       l.total_inc_tax, l.total_tax, o.total_inc_tax AS order_total,
       p.first_at AS paid_at, p.gateways, p.ids AS transaction_ids, r.read_at AS payments_read_at,
       s.first_at AS despatched_at, s.goods_outs, c.tracking, coalesce(b.amount, 0) AS refunded, b.ids AS refund_ids,
       k.codes
  FROM touched
  JOIN bigcommerce_order o ON o.store = :store AND o.order_id = touched.order_id
  JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id
  LEFT JOIN sent s ON s.order_product_id = l.order_product_id
  LEFT JOIN parcels c ON c.order_id = o.order_id
  LEFT JOIN paid p ON p.order_id = o.order_id
  LEFT JOIN payment_reading r ON r.store = o.store AND r.order_id = o.order_id
  LEFT JOIN back b ON b.order_product_id = l.order_product_id
  LEFT JOIN breaks k ON k.order_id = o.order_id
 ORDER BY o.order_id, l.order_product_id


-- name: returns
-- Every line of a return that moved, was refunded or is open in this time.
SELECT r.rma, r.order_id, l.order_product_id, l.sku, l.reason, r.state, l.units, l.received, l.sellable, l.damaged,
       l.missing, l.passed, r.opened_at, r.received_at, r.inspected_at, r.refunded_at, r.restocked_at, a.refund_id,
       a.amount AS approved, f.amount AS refunded, f.tax, coalesce(f.currency, a.currency, o.currency) AS currency,
       r.closed_because
  FROM rma r
  JOIN rma_line l USING (store, rma)
  LEFT JOIN bigcommerce_order o ON o.store = r.store AND o.order_id = r.order_id
  LEFT JOIN refund_approval a ON a.store = r.store AND a.rma = r.rma
  LEFT JOIN bigcommerce_refund f ON f.store = r.store AND f.refund_id = a.refund_id
 WHERE r.store = :store AND r.opened_at < :stop
   AND (r.state NOT IN ('restocked', 'closed') OR greatest(r.opened_at, r.received_at, r.inspected_at, r.refunded_at,
                                                          r.restocked_at, r.closed_at) >= :start)
 ORDER BY r.opened_at, r.rma, l.order_product_id


-- name: refunds_by_hand
-- Refunds of this time that no return made.
SELECT f.refund_id, f.order_id, f.created_at, f.amount, f.tax, f.declined, f.currency
  FROM bigcommerce_refund f
 WHERE f.store = :store AND f.created_at >= :start AND f.created_at < :stop
   AND NOT EXISTS (SELECT FROM refund_approval a WHERE a.store = f.store AND a.rma = f.rma)
 ORDER BY f.created_at, f.refund_id


-- name: breaks
-- What does not agree, the oldest first.
SELECT b.code, b.order_id, b.order_product_id, b.currency, b.amount, b.since, b.is_material, b.detail
  FROM finance_break b WHERE b.store = :store
 ORDER BY b.since, b.order_id, b.order_product_id, b.code


-- name: read_until
-- When was each source last read?
SELECT feed, updated_at FROM cursor WHERE store = :store ORDER BY feed


-- name: at_both_cut_offs
-- Revenue, charges and refunds net of VAT of this time, by the day on which goods left and by the day on which they are
-- taken as delivered.
SELECT currency, sum(amount) FILTER (WHERE day BETWEEN :first AND :last) AS by_despatch,
       sum(amount) FILTER (WHERE day + CAST(:days AS integer) BETWEEN :first AND :last) AS by_delivery
  FROM (
      SELECT j.currency, j.credit - j.debit AS amount,
             CASE WHEN d.despatched_at IS NULL THEN j.posting_date
                  ELSE (d.despatched_at AT TIME ZONE :zone)::date END AS day
        FROM journal_line j
        LEFT JOIN despatch d ON d.store = j.store AND j.event = 'despatch:' || d.goods_out_id || '/' || d.sequence
       WHERE j.store = :store AND j.account IN ('revenue', 'charges') AND j.event LIKE 'despatch:%'
         AND j.posting_date BETWEEN CAST(:first AS date) - 62 AND CAST(:last AS date) + 62
  ) x
 GROUP BY currency ORDER BY currency
