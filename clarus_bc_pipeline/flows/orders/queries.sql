-- What the orders flow asks of the ledger (sync.py).

-- name: orders_to_release
-- Which paid orders await the warehouse and have not been decided for it?
-- A goods-out push exists from the moment an order is released, so an order without one is waiting.
SELECT o.order_id, o.created_at, o.currency, o.total_inc_tax, o.release_hash, p.payload AS personal,
       (SELECT json_agg(json_build_object(
                   'order_product_id', l.order_product_id, 'order_address_id', l.order_address_id, 'sku', l.sku,
                   'name', l.name, 'type', l.type, 'quantity', l.quantity, 'quantity_refunded', l.quantity_refunded,
                   'price_inc_tax', l.price_inc_tax::text) ORDER BY l.order_product_id)
          FROM bigcommerce_order_line l
         WHERE l.store = o.store AND l.order_id = o.order_id) AS lines,
       (SELECT json_agg(json_build_array(m.namespace, m.key, m.value))
          FROM order_metafield m
         WHERE m.store = o.store AND m.order_id = o.order_id) AS metafields
  FROM bigcommerce_order o
  JOIN order_personal p ON p.store = o.store AND p.order_id = o.order_id
 WHERE o.store = :store
   AND o.status_id = ANY(:status_ids)
   AND o.payment_status = ANY(:payment_statuses)
   AND NOT o.is_deleted
   AND o.created_at >= :since
   AND NOT EXISTS (SELECT FROM push r
                    WHERE r.store = o.store AND r.kind = 'goods_out' AND r.lane = 'order:' || o.order_id)
 ORDER BY o.order_id
 LIMIT :most


-- name: released_orders
-- How do both sides stand on every goods-out of ours that changed lately or is being watched?
-- One row a goods-out push; goods_out_id is null while Clarus does not hold it yet.
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
)
SELECT r.payload->>'reference' AS reference, r.payload->>'release_hash' AS released_hash, r.state AS push_state,
       o.order_id, o.status_id AS order_status_id, o.is_deleted, o.release_hash, o.total_inc_tax AS value, o.currency,
       g.goods_out_id, g.status AS goods_out_status, g.missing_since IS NOT NULL AS missing, c.state AS cancel_state,
       CASE WHEN o.release_hash <> r.payload->>'release_hash' THEN
           (SELECT json_agg(json_build_array(l.order_product_id, l.sku, l.quantity - l.quantity_refunded)
                            ORDER BY l.order_product_id)
              FROM bigcommerce_order_line l
             WHERE l.store = o.store AND l.order_id = o.order_id AND l.type = 'physical'
               AND l.order_address_id = (r.payload->>'order_address_id')::bigint)
       END AS current_lines,
       r.payload->'lines' AS released_lines
  FROM touched t
  JOIN push r ON r.store = :store AND r.lane = 'order:' || t.order_id AND r.kind = 'goods_out' AND r.state <> 'superseded'
  JOIN bigcommerce_order o ON o.store = r.store AND o.order_id = t.order_id
  LEFT JOIN clarus_goods_out g ON g.store = r.store AND g.order_id = o.order_id AND g.reference = r.payload->>'reference'
  LEFT JOIN push c ON c.store = r.store AND c.kind = 'goods_out_cancel' AND c.business_key = r.business_key
 ORDER BY o.order_id, reference


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
