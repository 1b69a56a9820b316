-- What the returns flow asks of the ledger.

-- name: movements
-- Which transactions of these orders moved money, as far as they were read?
SELECT order_id, event, gateway_transaction_id, amount, currency, status, is_test
  FROM bigcommerce_transaction WHERE store = :store AND order_id = ANY(:order_ids)
 ORDER BY order_id, transaction_id


-- name: orders_money
-- In which currency are these orders, were their transactions read as they stand, and what did the shop refund?
-- What a gateway declined has not gone.
SELECT o.order_id, o.currency, coalesce(r.order_modified_at >= o.modified_at, false) AS was_read,
       coalesce(f.refunded, 0) AS refunded
  FROM bigcommerce_order o
  LEFT JOIN payment_reading r ON r.store = o.store AND r.order_id = o.order_id
  LEFT JOIN LATERAL (
      SELECT sum(f.amount - f.declined) AS refunded
        FROM bigcommerce_refund f WHERE f.store = o.store AND f.order_id = o.order_id
  ) f ON true
 WHERE o.store = :store AND o.order_id = ANY(:order_ids)


-- name: held_rma
-- What does the ledger hold of an RMA, its lines, its announcement and its refund? Locked for the change that follows.
SELECT r.order_id, r.metafield_id, r.state, r.opened_at, r.closed_because, a.amount AS approved, a.refund_id,
       (SELECT p.state FROM push p WHERE p.store = r.store AND p.kind = 'refund' AND p.business_key = r.rma)
           AS refund_push,
       EXISTS (SELECT FROM push p
                WHERE p.store = r.store AND p.kind = 'return_receipt' AND p.business_key = r.rma) AS is_told,
       coalesce((SELECT jsonb_object_agg(l.order_product_id, jsonb_build_array(l.units, l.reason))
                   FROM rma_line l WHERE l.store = r.store AND l.rma = r.rma), '{}') AS lines
  FROM rma r
  LEFT JOIN refund_approval a ON a.store = r.store AND a.rma = r.rma
 WHERE r.store = :store AND r.rma = :rma
   FOR UPDATE OF r


-- name: confirm_refunds
-- The shop's list holds these refunds: what a reply said of them is proven.
UPDATE bigcommerce_refund SET source = :source, seen_at = :now
 WHERE store = :store AND refund_id = ANY(:ids) AND source <> :source


-- name: open_references
-- Which RMAs wait for something of the warehouse?
SELECT rma FROM rma
 WHERE store = :store AND state IN ('authorised', 'announced', 'received', 'inspected')
   AND NOT EXISTS (SELECT FROM refund_approval a WHERE a.store = rma.store AND a.rma = rma.rma)
 ORDER BY rma


-- name: blank_lines
-- Which lines of RMAs have no SKU or product code yet, and what does the order say of them?
SELECT l.rma, l.order_product_id, o.sku
  FROM rma_line l
  JOIN rma r ON r.store = l.store AND r.rma = l.rma AND r.state = 'authorised'
  JOIN bigcommerce_order_line o
    ON o.store = l.store AND o.order_product_id = l.order_product_id AND o.order_id = r.order_id
 WHERE l.store = :store AND (l.sku IS DISTINCT FROM o.sku OR l.product_code = '')


-- name: orders_of_live_rmas
-- Which orders have an RMA that may move, or has just come to rest?
SELECT DISTINCT order_id FROM rma
 WHERE store = :store AND (state NOT IN ('restocked', 'closed') OR greatest(restocked_at, closed_at) >= :recent)


-- name: rmas
-- All RMAs of these orders, with their lines, their announcement, their approval and whether stock holds them.
SELECT r.rma, r.order_id, r.state, r.opened_at, r.refund_shipping, r.received_at, r.inspected_at,
       a.rma IS NOT NULL AS is_approved, a.refund_id, a.amount AS approved, a.currency,
       EXISTS (SELECT FROM push p
                WHERE p.store = r.store AND p.kind = 'return_receipt' AND p.business_key = r.rma) AS is_announced,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
                      'order_product_id', l.order_product_id, 'sku', l.sku, 'product_code', l.product_code,
                      'reason', l.reason, 'units', l.units, 'received', l.received, 'sellable', l.sellable,
                      'damaged', l.damaged, 'missing', l.missing, 'passed', l.passed) ORDER BY l.order_product_id)
             FROM rma_line l WHERE l.store = r.store AND l.rma = r.rma), '[]') AS lines,
       -- A reading of stock that began after the inspection holds as many units as passed as sellable.
       NOT EXISTS (
           SELECT FROM (SELECT product_code, sum(sellable) AS sellable FROM rma_line l
                         WHERE l.store = r.store AND l.rma = r.rma AND l.sellable > 0 GROUP BY 1) s
            WHERE coalesce((SELECT sum(b.available + b.allocated) FROM stock_balance b
                             WHERE b.store = r.store AND b.product_code = s.product_code AND b.as_of >= r.inspected_at),
                           -1) < s.sellable) AS is_in_stock,
       coalesce((
           SELECT array_agg(f.refund_id ORDER BY f.refund_id) FROM bigcommerce_refund f
            WHERE f.store = r.store AND f.order_id = r.order_id AND f.amount > f.declined
              AND (f.created_at >= r.opened_at OR f.rma = r.rma)
              AND NOT EXISTS (SELECT FROM refund_approval x WHERE x.store = f.store AND x.rma = f.rma)
              AND EXISTS (
                  SELECT FROM bigcommerce_refund_item i
                   WHERE i.store = f.store AND i.refund_id = f.refund_id
                     AND (i.item_type = 'ORDER' OR i.item_type = 'PRODUCT' AND i.item_id IN (
                             SELECT l.order_product_id FROM rma_line l WHERE l.store = r.store AND l.rma = r.rma)))),
           '{}') AS by_hand
  FROM rma r
  LEFT JOIN refund_approval a ON a.store = r.store AND a.rma = r.rma
 WHERE r.store = :store AND r.order_id = ANY(:order_ids)
 ORDER BY r.opened_at, r.rma


-- name: orders_of_rmas
-- These orders with their lines: what was sold, what has left by either side's word, and what was refunded.
SELECT o.order_id, o.currency, o.total_inc_tax, o.is_deleted,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
                      'order_product_id', l.order_product_id, 'sku', l.sku, 'quantity', l.quantity,
                      'shipped', least(l.quantity, greatest(l.quantity_shipped, coalesce(d.units, 0))),
                      'refunded', greatest(l.quantity_refunded, coalesce(f.units, 0)),
                      'total', l.total_inc_tax::text))
             FROM bigcommerce_order_line l
             LEFT JOIN LATERAL (
                 SELECT sum(d.quantity) AS units FROM despatch_line d
                   JOIN despatch e USING (store, goods_out_id, sequence)
                  WHERE d.store = l.store AND d.order_product_id = l.order_product_id AND e.voided_at IS NULL) d ON true
             LEFT JOIN LATERAL (
                 SELECT sum(i.units) AS units FROM bigcommerce_refund_item i
                   JOIN bigcommerce_refund f USING (store, refund_id)
                  WHERE f.store = l.store AND f.order_id = l.order_id AND f.amount > f.declined
                    AND i.item_type = 'PRODUCT' AND i.item_id = l.order_product_id) f ON true
            WHERE l.store = o.store AND l.order_id = o.order_id), '[]') AS lines,
       ARRAY(SELECT DISTINCT l.order_address_id FROM bigcommerce_order_line l
              WHERE l.store = o.store AND l.order_id = o.order_id AND l.order_address_id > 0 ORDER BY 1) AS addresses,
       coalesce((
           SELECT sum(i.amount) FROM bigcommerce_refund_item i JOIN bigcommerce_refund f USING (store, refund_id)
            WHERE f.store = o.store AND f.order_id = o.order_id AND i.item_type = 'SHIPPING'
              AND f.amount > f.declined), 0) AS shipping_refunded
  FROM bigcommerce_order o
 WHERE o.store = :store AND o.order_id = ANY(:order_ids)


-- name: receipts_of
-- What did the warehouse count and grade under these references?
SELECT c.reference, c.receipt_id, c.status, c.received_at,
       coalesce((
           SELECT jsonb_agg(jsonb_build_object(
                      'product_code', l.product_code, 'line_reference', l.line_reference, 'received', l.received::text,
                      'unit', l.unit, 'inspection', l.inspection) ORDER BY l.receipt_line_id)
             FROM clarus_receipt_line l WHERE l.store = c.store AND l.receipt_id = c.receipt_id), '[]') AS lines
  FROM clarus_receipt c
 WHERE c.store = :store AND c.reference = ANY(:references) AND lower(c.status) <> 'cancelled'
 ORDER BY c.receipt_id


-- name: unknown_receipts
-- Which returns came back without an RMA that we know, or after theirs was closed?
SELECT c.receipt_id, c.reference, r.closed_at
  FROM clarus_receipt c
  LEFT JOIN rma r ON r.store = c.store AND r.rma = c.reference
 WHERE c.store = :store AND c.kind = :kind AND lower(c.status) <> 'cancelled'
   AND (r.rma IS NULL OR r.state = 'closed' AND r.refunded_at IS NULL AND c.received_at > r.closed_at)
   AND EXISTS (SELECT FROM clarus_receipt_line l
                WHERE l.store = c.store AND l.receipt_id = c.receipt_id AND l.received <> 0)
 ORDER BY c.receipt_id


-- name: stopped_refunds
-- Which refunds were stopped when they were about to be sent, and in which words?
SELECT p.business_key AS rma, a.order_id, a.amount, a.currency, p.last_error
  FROM push p JOIN refund_approval a ON a.store = p.store AND a.rma = p.business_key
 WHERE p.store = :store AND p.kind = 'refund' AND p.state = 'parked'


-- name: refunds_that_differ
-- Which refunds of RMAs are of another amount than was approved, or sent?
SELECT a.rma, a.order_id, coalesce(a.quoted, a.amount) AS approved, f.amount AS made, f.currency, f.refund_id
  FROM refund_approval a JOIN bigcommerce_refund f ON f.store = a.store AND f.refund_id = a.refund_id
 WHERE a.store = :store AND f.amount <> coalesce(a.quoted, a.amount)
 ORDER BY f.refund_id


-- name: declined_refunds
-- Which refunds did the gateway decline, in part or whole?
SELECT refund_id, order_id, rma, declined, currency FROM bigcommerce_refund
 WHERE store = :store AND declined > 0 ORDER BY refund_id


-- name: refunds_without_receipt
-- Which despatched units were refunded, and have not been received back under any RMA?
SELECT l.order_id, o.currency, sum(x.units)::bigint AS units, array_agg(DISTINCT l.sku ORDER BY l.sku) AS skus,
       sum(round(l.total_inc_tax * x.units / l.quantity, 2)) AS value,
       (SELECT array_agg(f.refund_id ORDER BY f.refund_id) FROM bigcommerce_refund f
         WHERE f.store = l.store AND f.order_id = l.order_id) AS refund_ids
  FROM (
      SELECT i.store, i.item_id AS order_product_id, sum(i.units) AS refunded
        FROM bigcommerce_refund_item i JOIN bigcommerce_refund f USING (store, refund_id)
       WHERE i.store = :store AND i.item_type = 'PRODUCT' AND f.amount > f.declined
       GROUP BY 1, 2
  ) r
  JOIN bigcommerce_order_line l USING (store, order_product_id)
  JOIN bigcommerce_order o ON o.store = l.store AND o.order_id = l.order_id
  CROSS JOIN LATERAL (
      SELECT least(r.refunded, l.quantity) - (l.quantity - greatest(l.quantity_shipped, coalesce((
                 SELECT sum(d.quantity) FROM despatch_line d JOIN despatch e USING (store, goods_out_id, sequence)
                  WHERE d.store = l.store AND d.order_product_id = l.order_product_id AND e.voided_at IS NULL), 0)))
             - coalesce((SELECT sum(m.received) FROM rma_line m
                          WHERE m.store = l.store AND m.order_product_id = l.order_product_id), 0) AS units
  ) x
 WHERE x.units > 0 AND l.type = 'physical' AND l.quantity > 0
 GROUP BY l.store, l.order_id, o.currency
 ORDER BY l.order_id


-- name: manual_refunds
-- Which refunds did no RMA make?
SELECT f.refund_id, f.order_id, f.amount, f.currency, f.declined, f.created_at, f.source
  FROM bigcommerce_refund f
 WHERE f.store = :store
   AND NOT EXISTS (SELECT FROM refund_approval a WHERE a.store = f.store AND a.rma = f.rma)
 ORDER BY f.created_at DESC, f.refund_id DESC LIMIT :most


-- name: unconfirmed_refunds
-- Which of our refunds has the shop's own list not shown yet?
SELECT f.refund_id FROM bigcommerce_refund f JOIN refund_approval a ON a.store = f.store AND a.refund_id = f.refund_id
 WHERE f.store = :store AND f.source <> :source


-- name: figures
-- How many RMAs are there, in which state, and how many refunds did they and others make?
SELECT (SELECT count(*) FROM rma WHERE store = :store) AS rmas,
       (SELECT coalesce(jsonb_object_agg(state, n), '{}') FROM (
           SELECT state, count(*) AS n FROM rma WHERE store = :store GROUP BY state) s) AS by_state,
       (SELECT count(*) FROM refund_approval WHERE store = :store AND refund_id IS NOT NULL) AS refunds,
       (SELECT count(*) FROM refund_approval WHERE store = :store AND refund_id IS NULL) AS refunds_waiting


-- name: undecided
-- Has anything that a return hangs on been learnt since the last decision, and how many RMAs are under way?
SELECT EXISTS (SELECT FROM rma WHERE store = :store AND seen_at > :since)
    OR EXISTS (SELECT FROM clarus_receipt WHERE store = :store AND seen_at > :since)
    OR EXISTS (SELECT FROM clarus_receipt_line WHERE store = :store AND seen_at > :since)
    OR EXISTS (SELECT FROM bigcommerce_refund WHERE store = :store AND seen_at > :since)
    OR EXISTS (SELECT FROM rma r JOIN bigcommerce_order o USING (store, order_id)
                WHERE r.store = :store AND r.state NOT IN ('restocked', 'closed') AND o.seen_at > :since) AS is_news,
       (SELECT count(*) FROM rma WHERE store = :store AND state NOT IN ('restocked', 'closed')) AS live


-- name: check_returns
-- Every line of every RMA that was not closed by a person, as its checks take it.
SELECT r.rma, r.order_id, l.sku, l.order_product_id, l.units, l.received, l.sellable, l.damaged, l.missing, l.passed,
       r.state, r.received_at, r.inspected_at, a.refund_id,
       least(o.quantity, greatest(o.quantity_shipped, coalesce(d.units, 0))) AS shipped
  FROM rma r
  JOIN rma_line l USING (store, rma)
  LEFT JOIN refund_approval a USING (store, rma)
  LEFT JOIN bigcommerce_order_line o
    ON o.store = l.store AND o.order_id = r.order_id AND o.order_product_id = l.order_product_id
  LEFT JOIN LATERAL (
      SELECT sum(d.quantity) AS units FROM despatch_line d JOIN despatch e USING (store, goods_out_id, sequence)
       WHERE d.store = l.store AND d.order_product_id = l.order_product_id AND e.voided_at IS NULL) d ON true
 WHERE r.store = :store AND r.state <> 'closed'
 ORDER BY r.rma, l.order_product_id


-- name: check_refunds
-- Every refund of the shop, as its checks take it.
SELECT f.refund_id, f.order_id, a.rma, f.amount, f.currency, f.declined, coalesce(a.quoted, a.amount) AS approved
  FROM bigcommerce_refund f
  LEFT JOIN refund_approval a ON a.store = f.store AND a.rma = f.rma
 WHERE f.store = :store
 ORDER BY f.refund_id


-- name: returns_overview
-- The RMAs that are under way, the oldest first, for a person.
SELECT r.rma, r.order_id, r.state, r.opened_at, r.received_at, r.inspected_at, a.amount, a.currency, a.refund_id,
       string_agg(l.units || ' x ' || coalesce(nullif(l.sku, ''), l.order_product_id::text), ', '
                  ORDER BY l.order_product_id) AS units
  FROM rma r
  JOIN rma_line l USING (store, rma)
  LEFT JOIN refund_approval a USING (store, rma)
 WHERE r.store = :store AND (:whole OR r.state NOT IN ('restocked', 'closed'))
 GROUP BY r.store, r.rma, r.order_id, r.state, r.opened_at, r.received_at, r.inspected_at, a.amount, a.currency,
          a.refund_id
 ORDER BY r.opened_at, r.rma LIMIT :most
