-- What the orders flow asks of the ledger (sync.py).

-- name: orders_to_release
-- Which paid orders await the warehouse and have not been decided for it?
-- A goods-out push exists from the moment an order is released, so an order without one is waiting; one whose pushes
-- were all set aside is waiting again. A status that BigCommerce does not document waits with a finding.
SELECT o.order_id, o.status_id, o.created_at, o.currency, o.total_inc_tax, o.release_hash, p.payload AS personal,
       (SELECT json_agg(json_build_object(
                   'order_product_id', l.order_product_id, 'order_address_id', l.order_address_id, 'sku', l.sku,
                   'name', l.name, 'type', l.type, 'quantity', l.quantity, 'quantity_refunded', l.quantity_refunded,
                   'price_inc_tax', l.price_inc_tax::text) ORDER BY l.order_product_id)
          FROM bigcommerce_order_line l
         WHERE l.store = o.store AND l.order_id = o.order_id) AS lines,
       (SELECT json_agg(json_build_array(m.namespace, m.key, m.value) ORDER BY m.metafield_id)
          FROM order_metafield m
         WHERE m.store = o.store AND m.order_id = o.order_id) AS metafields,
       (SELECT coalesce(max((r.payload->>'revision')::int), 0) + 1 FROM push r
         WHERE r.store = o.store AND r.kind = 'goods_out' AND r.lane = 'order:' || o.order_id) AS revision
  FROM bigcommerce_order o
  JOIN order_personal p ON p.store = o.store AND p.order_id = o.order_id
 WHERE o.store = :store
   AND (o.status_id = ANY(:status_ids) OR o.status_id <> ALL(:known_status_ids))
   AND o.payment_status = ANY(:payment_statuses)
   AND NOT o.is_deleted
   AND o.created_at >= :since
   AND NOT EXISTS (SELECT FROM push r
                    WHERE r.store = o.store AND r.kind = 'goods_out' AND r.lane = 'order:' || o.order_id
                      AND r.state <> 'superseded')
 ORDER BY o.order_id
 LIMIT :most


-- name: released_orders
-- How do both sides stand on every goods-out of ours that changed lately or is being watched?
-- One row a reference: its latest push. goods_out_id is null while Clarus is not known to hold it. A push that was set
-- aside counts only if its goods-out is in Clarus after all. The order's present lines come along only if they differ.
WITH touched AS (
    SELECT order_id FROM bigcommerce_order WHERE store = :store AND seen_at >= :since
    UNION
    SELECT order_id FROM clarus_goods_out WHERE store = :store AND seen_at >= :since AND order_id IS NOT NULL
    UNION
    SELECT order_id FROM finding
     WHERE store = :store AND scope = 'orders.after_release' AND state = 'open' AND order_id IS NOT NULL
    UNION
    SELECT (payload->>'order_id')::bigint FROM push
     WHERE store = :store AND kind = 'goods_out_cancel' AND state IN ('pending', 'sending', 'ambiguous', 'parked')
    UNION
    SELECT (payload->>'order_id')::bigint FROM push
     WHERE store = :store AND kind = 'goods_out' AND state = 'parked'
),
released AS (
    SELECT DISTINCT ON (t.order_id, r.payload->>'reference')
           t.order_id, r.*, r.payload->>'reference' AS reference,
           -- Refused and throttled calls were not applied; a call whose outcome is or was unknown may have been.
           r.state IN ('pending', 'parked') AND r.remote_id IS NULL AND NOT EXISTS (
               SELECT FROM push_attempt a
                WHERE a.store = r.store AND a.push_id = r.push_id AND a.action = 'send'
                  AND (a.outcome IS NULL OR a.outcome NOT IN ('not_applied', 'refused', 'auth', 'gone'))) AS is_unsent
      FROM touched t
      JOIN push r ON r.store = :store AND r.lane = 'order:' || t.order_id AND r.kind = 'goods_out'
     ORDER BY t.order_id, r.payload->>'reference', r.push_id DESC
)
SELECT r.order_id, r.reference, r.business_key, r.state AS push_state, coalesce(r.last_error, '') AS last_error,
       r.payload AS released, r.is_unsent,
       bool_and(r.is_unsent OR r.state = 'superseded') OVER (PARTITION BY r.order_id) AS order_is_unsent,
       o.status_id, o.is_deleted, o.release_hash, o.total_inc_tax, o.currency, o.created_at,
       g.goods_out_id, g.status AS goods_out_status, g.missing_since IS NOT NULL AS missing, c.state AS cancel_state,
       o.items_shipped > 0 AND NOT EXISTS (
           SELECT FROM clarus_goods_out_line w
             LEFT JOIN bigcommerce_order_line l ON l.store = w.store AND l.order_product_id = w.order_product_id
            WHERE w.store = g.store AND w.goods_out_id = g.goods_out_id
              AND w.despatched > coalesce(l.quantity_shipped, 0)) AS is_shown_as_sent,
       p.payload AS personal,
       CASE WHEN o.release_hash <> r.payload->>'release_hash' THEN
           (SELECT json_agg(json_build_object(
                       'order_product_id', l.order_product_id, 'order_address_id', l.order_address_id, 'sku', l.sku,
                       'name', l.name, 'type', l.type, 'quantity', l.quantity,
                       'quantity_refunded', l.quantity_refunded, 'price_inc_tax', l.price_inc_tax::text)
                       ORDER BY l.order_product_id)
              FROM bigcommerce_order_line l
             WHERE l.store = o.store AND l.order_id = o.order_id)
       END AS lines,
       CASE WHEN o.release_hash <> r.payload->>'release_hash' THEN
           (SELECT json_agg(json_build_array(m.namespace, m.key, m.value) ORDER BY m.metafield_id)
              FROM order_metafield m
             WHERE m.store = o.store AND m.order_id = o.order_id)
       END AS metafields
  FROM released r
  JOIN bigcommerce_order o ON o.store = r.store AND o.order_id = r.order_id
  LEFT JOIN order_personal p ON p.store = o.store AND p.order_id = o.order_id AND o.release_hash <> r.payload->>'release_hash'
  LEFT JOIN LATERAL (
      SELECT * FROM clarus_goods_out x
       WHERE x.store = r.store AND x.order_id = r.order_id AND x.reference = r.reference
       ORDER BY x.status = 'CANCELLED', x.missing_since IS NOT NULL, x.goods_out_id DESC LIMIT 1
  ) g ON true
  LEFT JOIN push c ON c.store = r.store AND c.kind = 'goods_out_cancel' AND c.business_key = r.reference
 WHERE r.state <> 'superseded' OR g.goods_out_id IS NOT NULL
 ORDER BY r.order_id, r.reference


-- name: undecided
-- What has the ledger learned since the last decision: a changed order, a goods-out that the warehouse called off, or one
-- that left although the shop had called it off?
SELECT max(seen_at) FROM (
    SELECT max(seen_at) AS seen_at FROM bigcommerce_order WHERE store = :store AND seen_at > :until
    UNION ALL
    SELECT max(g.seen_at) FROM clarus_goods_out g
      JOIN bigcommerce_order o USING (store, order_id)
     WHERE g.store = :store AND g.seen_at > :until
       AND (g.status = 'CANCELLED' OR g.missing_since IS NOT NULL
            OR g.status = 'COMPLETED' AND (o.is_deleted OR o.status_id = ANY(:cancelled_status_ids)))
) learned


-- name: metafields_are_behind
-- Has an order been kept since metafields were last read?
SELECT EXISTS (SELECT FROM bigcommerce_order WHERE store = :store AND seen_at >= :read_at)


-- name: order_progress
-- How far has each paid order come? Every paid order is in exactly one stage.
WITH staged AS (
    SELECT o.order_id, o.created_at, o.total_inc_tax, o.currency,
           CASE WHEN g.goods_out_id IS NOT NULL AND g.missing_since IS NOT NULL THEN '8 deleted in Clarus'
                WHEN g.status = 'CANCELLED' THEN '7 cancelled in Clarus'
                WHEN g.status = 'COMPLETED' THEN '6 despatched'
                WHEN g.status IN ('PICK', 'PART') THEN '5 being picked'
                WHEN g.status IN ('ALLOCATED', 'PART_ALLOCATED') THEN '4 stock allocated'
                WHEN g.goods_out_id IS NOT NULL THEN '3 in Clarus, waiting'
                WHEN r.push_id IS NOT NULL AND r.state = 'parked' THEN '9 refused by Clarus'
                WHEN r.push_id IS NOT NULL THEN '2 on its way to Clarus'
                WHEN EXISTS (SELECT FROM finding f WHERE f.store = o.store AND f.order_id = o.order_id
                              AND f.state = 'open' AND f.scope = 'orders.release') THEN '1 held by a finding'
                ELSE '0 paid, not decided yet' END AS stage
      FROM bigcommerce_order o
      LEFT JOIN push r ON r.store = o.store AND r.lane = 'order:' || o.order_id AND r.kind = 'goods_out'
                      AND r.state <> 'superseded'
      LEFT JOIN clarus_goods_out g ON g.store = o.store AND g.order_id = o.order_id
                                  AND g.reference = coalesce(r.payload->>'reference', g.reference)
     WHERE o.store = :store AND o.created_at >= :since AND NOT o.is_deleted AND o.payment_status = ANY(:paid)
       AND (r.push_id IS NOT NULL OR g.goods_out_id IS NOT NULL OR o.status_id = ANY(:release_status_ids))
)
SELECT stage, currency, count(*) AS orders, floor(extract(epoch FROM :now - min(created_at)) / 60)::bigint AS oldest_minutes,
       sum(total_inc_tax) AS value
  FROM staged GROUP BY stage, currency ORDER BY stage, currency
