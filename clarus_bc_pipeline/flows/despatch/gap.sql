-- The despatch gap, measured and kept (gap.py).

-- name: gap_touched
-- Which orders may stand otherwise than at the last proof?
CREATE TEMPORARY TABLE gap_touched ON COMMIT DROP AS
SELECT order_id FROM bigcommerce_order WHERE store = :store AND seen_at >= :since
UNION
SELECT order_id FROM bigcommerce_order_line WHERE store = :store AND seen_at >= :since
UNION
SELECT order_id FROM clarus_goods_out WHERE store = :store AND seen_at >= :since AND order_id IS NOT NULL
UNION
SELECT g.order_id FROM clarus_goods_out_line l JOIN clarus_goods_out g USING (store, goods_out_id)
 WHERE l.store = :store AND l.seen_at >= :since AND g.order_id IS NOT NULL
UNION
SELECT order_id FROM bigcommerce_shipment WHERE store = :store AND seen_at >= :since
UNION
SELECT g.order_id FROM clarus_package k JOIN clarus_goods_out g USING (store, goods_out_id)
 WHERE k.store = :store AND k.seen_at >= :since AND g.order_id IS NOT NULL
UNION
SELECT order_id FROM despatch_gap_line WHERE store = :store AND category = 'not_checked'


-- name: name_store
SELECT set_config('clarus_bc.store', :store, true)


-- name: see_touched
-- What the measure looks at: both sides of the touched orders,
CREATE TEMPORARY VIEW gap_order AS
SELECT * FROM bigcommerce_order
 WHERE store = current_setting('clarus_bc.store') AND order_id IN (SELECT order_id FROM gap_touched);
CREATE TEMPORARY VIEW gap_goods_out AS
SELECT * FROM clarus_goods_out
 WHERE store = current_setting('clarus_bc.store') AND order_id IN (SELECT order_id FROM gap_touched)


-- name: see_all
-- or of all orders, without a join that would only hold Postgres up.
CREATE TEMPORARY VIEW gap_touched AS
SELECT order_id FROM bigcommerce_order WHERE store = current_setting('clarus_bc.store')
UNION
SELECT order_id FROM clarus_goods_out WHERE store = current_setting('clarus_bc.store') AND order_id IS NOT NULL;
CREATE TEMPORARY VIEW gap_order AS
SELECT * FROM bigcommerce_order WHERE store = current_setting('clarus_bc.store');
CREATE TEMPORARY VIEW gap_goods_out AS
SELECT * FROM clarus_goods_out WHERE store = current_setting('clarus_bc.store') AND order_id IS NOT NULL


-- name: gap_orders
-- How many lines of each touched order left, and do all agree with the shop? Nearly all do, and are done with here.
CREATE TEMPORARY TABLE gap_orders ON COMMIT DROP AS
WITH warehouse AS (
    SELECT g.order_id, coalesce(l.order_product_id, -l.goods_out_line_id) AS line, sum(l.despatched) AS despatched
      FROM gap_goods_out g
      JOIN clarus_goods_out_line l ON l.store = :store AND l.goods_out_id = g.goods_out_id
     WHERE l.despatched > 0
     GROUP BY 1, 2
),
shop AS (
    SELECT l.order_id, l.order_product_id AS line, l.quantity_shipped AS shipped
      FROM gap_order o
      JOIN bigcommerce_order_line l ON l.store = :store AND l.order_id = o.order_id
     WHERE l.quantity_shipped > 0 AND l.type = 'physical' AND NOT o.is_deleted AND o.created_at >= :since_created
)
SELECT order_id, count(despatched) AS despatched_lines, coalesce(bool_and(despatched = shipped), false)
       AND count(*) = count(despatched) AND count(*) = count(shipped) AS agrees,
       0 AS gap_lines, 0 AS not_checked_lines, 0 AS unconfirmed_lines
  FROM warehouse FULL JOIN shop USING (order_id, line)
 GROUP BY order_id


-- name: gap_suspects
-- Which touched orders need a look at each line: where a quantity differs, a link is missing or tracking changed?
CREATE TEMPORARY TABLE gap_suspects ON COMMIT DROP AS
SELECT order_id FROM gap_orders WHERE NOT agrees
UNION
SELECT s.order_id FROM bigcommerce_shipment s JOIN gap_order o USING (order_id)
 WHERE s.store = :store AND s.marker IS NOT NULL AND s.deleted_at IS NULL
   AND s.tracking_number <> '' AND s.tracking_link = ''
UNION
SELECT g.order_id
  FROM gap_goods_out g
  JOIN despatch_parcel p ON p.store = g.store AND p.goods_out_id = g.goods_out_id
  JOIN clarus_package k ON k.store = p.store AND k.package_id = p.package_id AND k.missing_since IS NULL
 WHERE k.tracking_number <> '' AND p.tracking_number <> k.tracking_number


-- name: gap_lines
-- How does each line of the suspect orders stand on both sides?
-- The warehouse's word is the goods-out line; the shop's word is quantity_shipped as last read from BigCommerce.
-- Our own shipments are asked only about lines whose quantities differ: most lines agree, and cost nothing more.
CREATE TEMPORARY TABLE gap_lines ON COMMIT DROP AS
WITH warehouse AS (
    SELECT g.order_id, coalesce(l.order_product_id, 0) AS order_product_id,
           CASE WHEN l.order_product_id IS NULL THEN l.goods_out_line_id ELSE 0 END AS unmatched_line,
           min(l.goods_out_line_id) AS goods_out_line_id, min(l.product_code) AS product_code,
           sum(l.despatched) AS despatched, max(coalesce(g.despatched_at, l.seen_at)) AS despatched_at
      FROM gap_suspects t
      JOIN clarus_goods_out g ON g.store = :store AND g.order_id = t.order_id
      JOIN clarus_goods_out_line l ON l.store = g.store AND l.goods_out_id = g.goods_out_id
     WHERE l.despatched > 0
     GROUP BY 1, 2, 3
),
shop AS (
    SELECT l.order_id, l.order_product_id, l.sku, l.quantity_shipped AS shipped, l.price_inc_tax, l.seen_at,
           o.currency, o.modified_at, o.read_at, o.is_deleted
      FROM gap_suspects t
      JOIN bigcommerce_order o ON o.store = :store AND o.order_id = t.order_id
      JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id
     WHERE l.type = 'physical' AND o.created_at >= :since_created
),
no_link AS (
    SELECT DISTINCT s.order_id, sl.order_product_id
      FROM bigcommerce_shipment s
      JOIN gap_suspects t ON t.order_id = s.order_id
      JOIN bigcommerce_shipment_line sl ON sl.store = s.store AND sl.shipment_id = s.shipment_id
     WHERE s.store = :store AND s.marker IS NOT NULL AND s.deleted_at IS NULL
       AND s.tracking_number <> '' AND s.tracking_link = ''
),
other_tracking AS (
    SELECT DISTINCT g.order_id, dl.order_product_id
      FROM gap_suspects t
      JOIN clarus_goods_out g ON g.store = :store AND g.order_id = t.order_id
      JOIN despatch_parcel p ON p.store = g.store AND p.goods_out_id = g.goods_out_id
      JOIN clarus_package k ON k.store = p.store AND k.package_id = p.package_id AND k.missing_since IS NULL
      JOIN despatch_line dl ON dl.store = p.store AND dl.goods_out_id = p.goods_out_id AND dl.sequence = p.sequence
     WHERE k.tracking_number <> '' AND p.tracking_number <> k.tracking_number
),
line AS (
    SELECT coalesce(w.order_id, s.order_id) AS order_id,
           coalesce(w.order_product_id, s.order_product_id) AS order_product_id,
           coalesce(w.goods_out_line_id, 0) AS goods_out_line_id, coalesce(s.sku, w.product_code) AS sku,
           coalesce(w.despatched, 0) AS despatched, coalesce(s.shipped, 0) AS shipped,
           coalesce(w.despatched_at, s.modified_at) AS since, coalesce(s.currency, '') AS currency,
           abs(coalesce(w.despatched, 0) - coalesce(s.shipped, 0)) * coalesce(s.price_inc_tax, 0) AS value_at_risk,
           w.order_id IS NOT NULL AS left_warehouse, s.order_id IS NOT NULL AS on_order, s.is_deleted,
           s.seen_at, s.modified_at, s.read_at
      FROM warehouse w
      FULL JOIN shop s ON s.order_id = w.order_id AND s.order_product_id = w.order_product_id
     WHERE w.despatched > 0 OR s.shipped > 0
),
judged AS (
    SELECT line.*,
           CASE WHEN left_warehouse AND NOT on_order AND order_product_id = 0
                THEN 'the despatched line fits no single order line'
                WHEN left_warehouse AND NOT on_order THEN 'the order line was not read from BigCommerce'
                WHEN is_deleted THEN 'the order was deleted or archived in BigCommerce'
                WHEN line.despatched > line.shipped AND ours.shipped > line.shipped
                     AND NOT (line.seen_at >= ours.seen_at OR line.modified_at > ours.created_at
                              OR coalesce(line.read_at >= ours.seen_at, false))
                THEN 'the shipment was accepted and the order has not been read since' END AS unchecked_because
      FROM line
      LEFT JOIN LATERAL (
          SELECT sum(sl.quantity) AS shipped, max(s.created_at) AS created_at, max(s.seen_at) AS seen_at
            FROM bigcommerce_shipment_line sl
            JOIN bigcommerce_shipment s ON s.store = sl.store AND s.shipment_id = sl.shipment_id
           WHERE line.despatched > line.shipped AND sl.store = :store AND sl.order_product_id = line.order_product_id
             AND s.marker IS NOT NULL AND s.deleted_at IS NULL
      ) ours ON line.despatched > line.shipped
)
SELECT order_id, order_product_id, goods_out_line_id, sku, despatched, shipped, since, currency, value_at_risk,
       left_warehouse, coalesce(unchecked_because, '') AS reason,
       CASE WHEN unchecked_because IS NOT NULL THEN 'not_checked'
            WHEN despatched > 0 AND shipped = 0 THEN 'despatched_not_shipped'
            WHEN despatched = 0 THEN 'shipped_not_despatched'
            WHEN despatched <> shipped THEN 'quantity_mismatch'
            WHEN (order_id, order_product_id) IN (SELECT * FROM other_tracking) THEN 'tracking_mismatch'
            WHEN (order_id, order_product_id) IN (SELECT * FROM no_link) THEN 'missing_tracking_link'
            ELSE 'confirmed' END AS category
  FROM judged


-- name: gap_count
-- Put the lines that are not confirmed into their orders' counts.
UPDATE gap_orders o
   SET gap_lines = n.gap_lines, not_checked_lines = n.not_checked_lines, unconfirmed_lines = n.unconfirmed_lines
  FROM (SELECT order_id, count(*) FILTER (WHERE category <> 'not_checked') AS gap_lines,
               count(*) FILTER (WHERE category = 'not_checked') AS not_checked_lines,
               count(*) FILTER (WHERE left_warehouse) AS unconfirmed_lines
          FROM gap_lines WHERE category <> 'confirmed' GROUP BY order_id) n
 WHERE n.order_id = o.order_id


-- name: gap_before
-- What did the last proof count for the touched orders?
SELECT coalesce(sum(p.despatched_lines), 0) AS despatched_lines, coalesce(sum(p.confirmed_lines), 0) AS confirmed_lines,
       coalesce(sum(p.gap_lines), 0) AS gap_lines, coalesce(sum(p.not_checked_lines), 0) AS not_checked_lines
  FROM gap_touched t JOIN despatch_proof p ON p.store = :store AND p.order_id = t.order_id


-- name: gap_after
-- What does this one?
SELECT coalesce(sum(despatched_lines), 0) AS despatched_lines,
       coalesce(sum(despatched_lines - unconfirmed_lines), 0) AS confirmed_lines,
       coalesce(sum(gap_lines), 0) AS gap_lines, coalesce(sum(not_checked_lines), 0) AS not_checked_lines
  FROM gap_orders


-- name: forget_proof
-- Forget the touched orders that count otherwise than before; those that count the same are left alone.
DELETE FROM despatch_proof p USING gap_touched t
 WHERE p.store = :store AND p.order_id = t.order_id
   AND NOT EXISTS (
       SELECT FROM gap_orders o
        WHERE o.order_id = p.order_id AND o.despatched_lines = p.despatched_lines AND o.gap_lines = p.gap_lines
          AND o.not_checked_lines = p.not_checked_lines
          AND o.despatched_lines - o.unconfirmed_lines = p.confirmed_lines)


-- name: keep_proof
-- Those that count the same stand already. Asked by the key and not by a join: on a table that was empty when it was last
-- analysed, a join walks over every row that this statement has just made.
INSERT INTO despatch_proof (store, order_id, despatched_lines, confirmed_lines, gap_lines, not_checked_lines, proven_at)
SELECT :store, order_id, despatched_lines, despatched_lines - unconfirmed_lines, gap_lines, not_checked_lines, :now
  FROM gap_orders
 ORDER BY order_id -- or a million would go to as many places of the index
    ON CONFLICT (store, order_id) DO NOTHING


-- name: forget_lines
DELETE FROM despatch_gap_line l USING gap_touched t WHERE l.store = :store AND l.order_id = t.order_id


-- name: keep_lines
-- The lines that are not confirmed, one row each.
INSERT INTO despatch_gap_line (store, goods_out_line_id, order_product_id, order_id, category, reason, sku, despatched,
                               shipped, since, value_at_risk, currency)
SELECT :store, goods_out_line_id, order_product_id, order_id, category, reason, sku, despatched, shipped, since,
       value_at_risk, currency
  FROM gap_lines WHERE category <> 'confirmed'


-- name: gap_summary
-- The gap by category: lines, oldest, value at risk, and how the lines' ages fall into the operations buckets.
SELECT category, reason, currency, count(*) AS lines, count(DISTINCT order_id) AS orders,
       floor(extract(epoch FROM :now - min(since)) / 60)::bigint AS oldest_minutes,
       sum(value_at_risk) AS value_at_risk,
       count(*) FILTER (WHERE since > :now - interval '4 hours') AS under_4h,
       count(*) FILTER (WHERE since <= :now - interval '4 hours' AND since > :now - interval '1 day') AS under_24h,
       count(*) FILTER (WHERE since <= :now - interval '1 day' AND since > :now - interval '2 days') AS days_1_2,
       count(*) FILTER (WHERE since <= :now - interval '2 days' AND since > :now - interval '7 days') AS days_3_7,
       count(*) FILTER (WHERE since <= :now - interval '7 days') AS over_7_days
  FROM despatch_gap_line
 WHERE store = :store
 GROUP BY category, reason, currency
 ORDER BY category, reason


-- name: is_unread
-- Have shipments of ours been accepted since the shop was last read?
SELECT EXISTS (
    SELECT FROM bigcommerce_shipment s
     WHERE s.store = :store AND s.marker IS NOT NULL
       AND s.seen_at > (SELECT updated_at FROM cursor WHERE store = :store AND feed = :feed)
)


-- name: orders_to_read_back
-- Which orders hold an accepted shipment that no reading of the order has shown yet, so long after?
SELECT DISTINCT order_id FROM despatch_gap_line
 WHERE store = :store AND category = 'not_checked' AND since < :before
   AND reason = 'the shipment was accepted and the order has not been read since'
 ORDER BY order_id LIMIT :most
