-- Personal data that has done its work (retention.py).

-- name: at_rest
-- Which orders have been at rest since before: shipped whole, refunded, cancelled, declined, never paid or deleted, and
-- not changed since? One that comes to life again is pulled whole, with what it needs.
CREATE TEMPORARY TABLE at_rest ON COMMIT DROP AS
SELECT o.order_id FROM bigcommerce_order o
 WHERE o.store = :store AND o.modified_at < :before AND o.seen_at < :before
   AND (o.is_deleted OR o.status_id IN (0, 1, 2, 4, 5, 6, 7, 10))
   AND NOT EXISTS (SELECT FROM push r WHERE r.store = o.store AND r.lane = 'order:' || o.order_id
                      AND r.state IN ('pending', 'sending', 'ambiguous', 'parked'))
   AND EXISTS (SELECT FROM order_personal p WHERE p.store = o.store AND p.order_id = o.order_id)

-- name: purge_personal
DELETE FROM order_personal p USING at_rest a WHERE p.store = :store AND p.order_id = a.order_id

-- name: purge_metafields
DELETE FROM order_metafield m USING at_rest a WHERE m.store = :store AND m.order_id = a.order_id

-- name: purge_pushes
-- The goods-out's request held the address; its hash and lines stay for the audit.
UPDATE push r SET payload = r.payload - 'body'
  FROM at_rest a
 WHERE r.store = :store AND r.kind = 'goods_out' AND r.lane = 'order:' || a.order_id AND r.payload ? 'body'
