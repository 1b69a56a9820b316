-- What the finance flow's journals ask of the ledger. The matching has its own (matching.sql).

-- name: touched_orders
-- Of which orders may the books stand otherwise than at the last posting?
SELECT order_id FROM bigcommerce_order WHERE store = :store AND seen_at >= :since
UNION
SELECT order_id FROM bigcommerce_order_line WHERE store = :store AND seen_at >= :since
UNION
SELECT order_id FROM despatch WHERE store = :store AND (decided_at >= :since OR voided_at >= :since)
UNION
SELECT order_id FROM despatch
 WHERE store = :store AND despatched_at > :since - CAST(:delivery AS interval)
   AND despatched_at <= :now - CAST(:delivery AS interval)
UNION
SELECT order_id FROM bigcommerce_refund WHERE store = :store AND seen_at >= :since
UNION
SELECT order_id FROM rma WHERE store = :store AND seen_at >= :since
UNION
SELECT order_id FROM payment_reading WHERE store = :store AND read_at >= :since


-- name: orders_after
-- All orders, some at a time.
SELECT order_id FROM bigcommerce_order WHERE store = :store AND order_id > :after ORDER BY order_id LIMIT :most


-- name: facts
-- All that is known of the money of these orders. Despatches count from `recognise_before` back: by despatch or delivery.
SELECT o.order_id, o.currency, o.total_inc_tax, o.total_tax, lower(o.payment_status) AS payment_status, o.status_id,
       o.created_at, o.modified_at, r.order_id IS NOT NULL AS was_read,
       (SELECT jsonb_agg(jsonb_build_array(l.order_product_id, l.sku, l.type, l.quantity, l.total_inc_tax::text,
                                           l.total_tax::text) ORDER BY l.order_product_id)
          FROM bigcommerce_order_line l WHERE l.store = o.store AND l.order_id = o.order_id) AS lines,
       (SELECT jsonb_agg(jsonb_build_array(d.goods_out_id, d.sequence, d.despatched_at, d.units)
                         ORDER BY d.goods_out_id, d.sequence)
          FROM (SELECT d.goods_out_id, d.sequence, d.despatched_at,
                       jsonb_agg(jsonb_build_array(l.order_product_id, l.quantity) ORDER BY l.goods_out_line_id) AS units
                  FROM despatch d JOIN despatch_line l USING (store, goods_out_id, sequence)
                 WHERE d.store = o.store AND d.order_id = o.order_id AND d.voided_at IS NULL
                   AND d.despatched_at <= :recognise_before
                 GROUP BY 1, 2, 3) d) AS sent,
       (SELECT jsonb_agg(jsonb_build_array(t.transaction_id, t.event, t.gateway_transaction_id, t.amount::text,
                                           t.currency, t.status, t.is_test, t.created_at) ORDER BY t.transaction_id)
          FROM bigcommerce_transaction t WHERE t.store = o.store AND t.order_id = o.order_id) AS transactions,
       (SELECT jsonb_agg(jsonb_build_array(f.refund_id, f.created_at, f.rma, f.amount::text, f.declined::text, f.tax::text,
                   (SELECT jsonb_agg(jsonb_build_array(i.item_type, i.item_id, i.units, i.amount::text)
                                     ORDER BY i.position)
                      FROM bigcommerce_refund_item i WHERE i.store = f.store AND i.refund_id = f.refund_id))
                         ORDER BY f.refund_id)
          FROM bigcommerce_refund f
         WHERE f.store = o.store AND f.order_id = o.order_id AND f.currency = o.currency) AS refunds,
       (SELECT jsonb_agg(jsonb_build_array(m.rma, m.inspected_at,
                   (SELECT jsonb_agg(jsonb_build_array(n.order_product_id, n.sellable, n.damaged)
                                     ORDER BY n.order_product_id)
                      FROM rma_line n WHERE n.store = m.store AND n.rma = m.rma)) ORDER BY m.rma)
          FROM rma m
         WHERE m.store = o.store AND m.order_id = o.order_id AND m.inspected_at IS NOT NULL) AS returned
  FROM bigcommerce_order o
  LEFT JOIN payment_reading r ON r.store = o.store AND r.order_id = o.order_id
 WHERE o.store = :store AND o.order_id = ANY(:order_ids) AND o.created_at >= :since_created AND o.status_id <> 0
 ORDER BY o.order_id


-- name: posted
-- What did the events of these orders post so far, account by account, in how many journals and on which basis?
SELECT event, min(order_id) AS order_id, account, min(currency) AS currency, sum(debit - credit) AS amount,
       max(journals) AS journals, max(basis) AS basis
  FROM (SELECT event, order_id, account, currency, debit, credit,
               (SELECT count(DISTINCT k.journal) FROM journal_line k
                 WHERE k.store = j.store AND k.event = j.event) AS journals,
               first_value(evidence ->> 'basis') OVER (PARTITION BY event ORDER BY journal_line_id DESC) AS basis
          FROM journal_line j WHERE store = :store AND order_id = ANY(:order_ids)) j
 GROUP BY event, account
 ORDER BY event, account


-- name: post
-- Append journal lines; the database refuses a closed period and a journal that does not balance.
INSERT INTO journal_line (store, period, journal, posting_date, account, nominal, debit, credit, currency, event,
       order_id, narrative, belongs_to, evidence, posted_at)
SELECT :store, p.period, p.journal, p.posting_date, p.account, p.nominal, greatest(p.amount, 0), greatest(-p.amount, 0),
       p.currency, p.event, p.order_id, p.narrative, p.belongs_to, CAST(p.evidence AS jsonb), :now
  FROM unnest(CAST(:periods AS text[]), CAST(:journals AS text[]), CAST(:dates AS date[]), CAST(:accounts AS text[]),
              CAST(:nominals AS text[]), CAST(:amounts AS numeric[]), CAST(:currencies AS text[]),
              CAST(:events AS text[]), CAST(:order_ids AS bigint[]), CAST(:narratives AS text[]),
              CAST(:belongs AS text[]), CAST(:evidence AS text[]))
       WITH ORDINALITY AS p (period, journal, posting_date, account, nominal, amount, currency, event, order_id,
                             narrative, belongs_to, evidence, n)
 ORDER BY p.n


-- name: closed_periods
-- Which periods are closed, by whom, and with what?
SELECT period, closed_at, closed_by, journal_lines, sha256 FROM accounting_period WHERE store = :store ORDER BY period


-- name: period_lines
-- The lines of a period in the one order in which they are hashed and exported.
SELECT journal_line_id, period, journal, posting_date, account, nominal, debit, credit, currency, event, order_id,
       narrative, belongs_to
  FROM journal_line WHERE store = :store AND period = :period ORDER BY journal_line_id


-- name: journal_between
-- The journal from one day to another, in the order in which it was posted.
SELECT journal_line_id, period, journal, posting_date, account, nominal, debit, credit, currency, event, order_id,
       narrative, belongs_to
  FROM journal_line WHERE store = :store AND posting_date BETWEEN :first AND :last ORDER BY journal_line_id


-- name: earliest_open
-- Which period before this one has lines and is not closed?
SELECT min(j.period) FROM journal_line j
 WHERE j.store = :store AND j.period < :period
   AND NOT EXISTS (SELECT FROM accounting_period a WHERE a.store = j.store AND a.period = j.period)


-- name: payments_due
-- Of which orders must the payments be read: something left, went back or was cancelled, and the last reading is older?
SELECT o.order_id, o.modified_at
  FROM bigcommerce_order o
  LEFT JOIN payment_reading r ON r.store = o.store AND r.order_id = o.order_id
 WHERE o.store = :store AND o.created_at >= :since_created AND NOT o.is_deleted
   AND (r.order_id IS NULL OR r.order_modified_at < o.modified_at)
   AND (o.status_id = ANY(:cancelled) AND lower(o.payment_status) = ANY(:paid)
        OR EXISTS (SELECT FROM despatch d WHERE d.store = o.store AND d.order_id = o.order_id AND d.voided_at IS NULL)
        OR EXISTS (SELECT FROM bigcommerce_refund f WHERE f.store = o.store AND f.order_id = o.order_id))
 ORDER BY r.read_at NULLS FIRST, o.modified_at DESC, o.order_id
 LIMIT :most


-- name: payments_waiting
-- Of how many orders are the payments still to be read?
SELECT count(*)
  FROM bigcommerce_order o
  LEFT JOIN payment_reading r ON r.store = o.store AND r.order_id = o.order_id
 WHERE o.store = :store AND o.created_at >= :since_created AND NOT o.is_deleted
   AND (r.order_id IS NULL OR r.order_modified_at < o.modified_at)
   AND (o.status_id = ANY(:cancelled) AND lower(o.payment_status) = ANY(:paid)
        OR EXISTS (SELECT FROM despatch d WHERE d.store = o.store AND d.order_id = o.order_id AND d.voided_at IS NULL)
        OR EXISTS (SELECT FROM bigcommerce_refund f WHERE f.store = o.store AND f.order_id = o.order_id))
