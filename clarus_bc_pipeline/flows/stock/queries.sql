-- What the stock flow asks of the ledger.

-- name: touched_products
-- Which products may have another balance than we know: moved, on a goods-out that changed, or with a doubted drop?
SELECT p.product_id, p.product_code, bool_or(t.moved) AS moved
  FROM (
      SELECT unnest(CAST(:moved AS text[])) AS product_code, true AS moved
      UNION ALL
      SELECT product_code, true FROM clarus_goods_out_line WHERE store = :store AND seen_at >= :since
      UNION ALL
      SELECT product_code, false FROM stock_balance WHERE store = :store AND doubted_at IS NOT NULL
  ) t
  JOIN clarus_product p ON p.store = :store AND p.product_code = t.product_code
 GROUP BY 1, 2
 ORDER BY 1


-- name: last_believed
-- What did the last whole reading that was believed hold?
SELECT as_of, products, units FROM stock_snapshot WHERE store = :store AND fault IS NULL ORDER BY as_of DESC LIMIT 1


-- name: balances
-- What does Clarus hold of each product (`codes`: of these), in each warehouse, as we go by it?
SELECT product_code, warehouse, available, allocated FROM stock_balance
 WHERE store = :store AND (CAST(:codes AS text[]) IS NULL OR product_code = ANY(CAST(:codes AS text[])))


-- name: open_demand
-- Which paid units has Clarus set nothing aside for, oldest order first?
-- What Clarus set aside counts from the reading of the balance that must hold it: one that began after we saw the line as
-- it is. Until then the units are counted off, perhaps twice: too little is offered for a moment, never too much.
SELECT l.order_id, l.sku, l.price_inc_tax AS price, o.currency, o.created_at,
       l.quantity - l.quantity_refunded - greatest(l.quantity_shipped, coalesce(c.covered, 0)) AS units
  FROM bigcommerce_order o
  JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id AND l.type = 'physical'
  LEFT JOIN LATERAL (
      SELECT floor(sum(greatest(w.allocated, w.picked, w.despatched))) AS covered
        FROM clarus_goods_out g
        JOIN clarus_goods_out_line w ON w.store = g.store AND w.goods_out_id = g.goods_out_id
       WHERE g.store = o.store AND g.order_id = o.order_id AND g.missing_since IS NULL AND g.status <> 'CANCELLED'
         AND w.order_product_id = l.order_product_id
         AND w.seen_at < (SELECT min(b.as_of) FROM stock_balance b
                           WHERE b.store = w.store AND b.product_code = w.product_code)
  ) c ON true
 WHERE o.store = :store AND o.status_id = ANY(:open_status_ids) AND o.payment_status = ANY(:paid)
   AND NOT o.is_deleted AND o.created_at >= :since
   AND l.quantity - l.quantity_refunded - greatest(l.quantity_shipped, coalesce(c.covered, 0)) > 0
 ORDER BY o.created_at, l.order_id, l.order_product_id


-- name: levels
-- What do we know of every published level?
SELECT sku, location_id, target, sent, sent_at, shown, shown_at, was_shown, refused, refused_at, drifts, drifted_at
  FROM stock_level WHERE store = :store


-- name: in_flight
-- Which levels are on their way, or may have arrived?
SELECT l.value->>0 AS sku, (l.value->>1)::bigint AS location_id
  FROM push p CROSS JOIN LATERAL jsonb_array_elements(p.payload->'levels') l
 WHERE p.store = :store AND p.kind = :kind AND p.state IN ('sending', 'ambiguous')


-- name: waiting_pushes
-- Which decisions about levels have not been sent yet?
SELECT business_key, request_hash, state FROM push
 WHERE store = :store AND kind = :kind AND state IN ('pending', 'parked')


-- name: unproven
-- Which levels were sent and not seen in the shop yet?
SELECT sku, location_id FROM stock_level
 WHERE store = :store AND NOT was_shown AND sent_at IS NOT NULL AND refused IS NULL


-- name: taken_off_by_shop
-- How many units has the shop itself taken off since, for orders placed, or shipped where its setting says so?
SELECT l.sku, o.created_at AS at, l.quantity AS units
  FROM bigcommerce_order_line l JOIN bigcommerce_order o USING (store, order_id)
 WHERE l.store = :store AND l.seen_at >= :since AND l.sku = ANY(:skus) AND NOT :on_shipping
UNION ALL
SELECT l.sku, s.seen_at, x.quantity
  FROM bigcommerce_shipment s
  JOIN bigcommerce_shipment_line x USING (store, shipment_id)
  JOIN bigcommerce_order_line l USING (store, order_product_id)
 WHERE s.store = :store AND s.seen_at >= :since AND l.sku = ANY(:skus) AND s.deleted_at IS NULL AND :on_shipping


-- name: shipped_since
-- Of which levels has the shop taken units off for shipments since it last told or was told them?
SELECT DISTINCT v.sku, v.location_id
  FROM bigcommerce_shipment s
  JOIN bigcommerce_shipment_line x USING (store, shipment_id)
  JOIN bigcommerce_order_line l USING (store, order_product_id)
  JOIN stock_level v ON v.store = l.store AND v.sku = l.sku
 WHERE s.store = :store AND s.seen_at >= :since AND s.deleted_at IS NULL
   AND s.seen_at > greatest(v.sent_at, v.shown_at)


-- name: adjusted_since
-- Of which levels may the shop have put units back, or taken more off, since it last told or was told them? For orders
-- that were refunded, cancelled or deleted, or edited: lines that changed before anything of them was shipped.
WITH touched AS (
    SELECT order_id FROM bigcommerce_order WHERE store = :store AND seen_at >= :since
    UNION
    SELECT order_id FROM bigcommerce_order_line WHERE store = :store AND seen_at >= :since
)
SELECT DISTINCT v.sku, v.location_id
  FROM touched
  JOIN bigcommerce_order o ON o.store = :store AND o.order_id = touched.order_id
  JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id
  JOIN stock_level v ON v.store = l.store AND v.sku = l.sku
 WHERE greatest(l.seen_at, o.seen_at) > greatest(v.sent_at, v.shown_at)
   AND (:on_refund AND (l.quantity_refunded > 0 OR o.is_deleted OR o.status_id = ANY(CAST(:cancelled AS integer[])))
     OR :on_edit AND l.seen_at > greatest(v.sent_at, v.shown_at) AND l.quantity_shipped = 0 AND o.created_at < v.sent_at)


-- name: troubled_levels
-- Which levels were refused, or keep drifting?
SELECT sku, location_id, target, shown, refused, drifts, drift_cause FROM stock_level
 WHERE store = :store AND (refused IS NOT NULL OR drifts > :drifts_allowed AND drifted_at > :since)
 ORDER BY sku, location_id


-- name: changed_since
-- Has the ledger learned anything since the last decision that may move a target?
SELECT EXISTS (SELECT FROM stock_balance WHERE store = :store AND as_of >= :since)
    OR EXISTS (SELECT FROM bigcommerce_order WHERE store = :store AND seen_at >= :since)
    OR EXISTS (SELECT FROM bigcommerce_order_line WHERE store = :store AND seen_at >= :since)
    OR EXISTS (SELECT FROM clarus_goods_out WHERE store = :store AND seen_at >= :since)
    OR EXISTS (SELECT FROM clarus_goods_out_line WHERE store = :store AND seen_at >= :since)
    OR EXISTS (SELECT FROM bigcommerce_shipment WHERE store = :store AND seen_at >= :since)
    OR EXISTS (SELECT FROM stock_level WHERE store = :store AND drifted_at >= :since)


-- name: drift
-- Which levels does the shop not show as they should be, since when, and why as far as that can be told?
SELECT sku, location_id, target, shown, coalesce(sent_at, decided_at, shown_at) AS since,
       CASE WHEN refused IS NOT NULL THEN 'refused: ' || refused
            WHEN sent IS DISTINCT FROM target THEN 'not sent yet'
            WHEN shown_at IS NULL OR shown_at < sent_at THEN 'not read back yet'
            ELSE coalesce(drift_cause, 'not shown yet') END AS cause,
       count(*) OVER () AS all_levels
  FROM stock_level
 WHERE store = :store AND target IS NOT NULL AND shown IS DISTINCT FROM target
 ORDER BY since, sku, location_id
 LIMIT :most


-- name: sales
-- What sold of each SKU that the shop offers, in the last days: units, orders, and the dearest price?
SELECT v.sku, v.offered, s.units, s.orders, s.price
  FROM (SELECT sku, sum(target) AS offered FROM stock_level WHERE store = :store AND target > 0 GROUP BY sku) v
  JOIN (SELECT l.sku, sum(l.quantity) AS units, count(DISTINCT l.order_id) AS orders, max(l.price_inc_tax) AS price
          FROM bigcommerce_order o JOIN bigcommerce_order_line l USING (store, order_id)
         WHERE o.store = :store AND o.created_at >= :since AND NOT o.is_deleted AND l.quantity > 0
         GROUP BY l.sku) s USING (sku)


-- name: keep_sent
-- The shop accepted these levels; whether it shows them is to be read.
UPDATE stock_level v SET sent = s.units, sent_at = :now, was_shown = false, refused = NULL, refused_at = NULL
  FROM unnest(CAST(:skus AS text[]), CAST(:locations AS bigint[]), CAST(:units AS bigint[])) AS s (sku, location_id, units)
 WHERE v.store = :store AND v.sku = s.sku AND v.location_id = s.location_id


-- name: keep_refused
-- The shop does not take these levels, and said why.
UPDATE stock_level v SET refused = s.words, refused_at = :now
  FROM unnest(CAST(:skus AS text[]), CAST(:locations AS bigint[]), CAST(:words AS text[])) AS s (sku, location_id, words)
 WHERE v.store = :store AND v.sku = s.sku AND v.location_id = s.location_id
