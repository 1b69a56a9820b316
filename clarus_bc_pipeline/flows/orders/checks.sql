-- What the checks of orders ask of the ledger (checks.py).

-- name: open_order_lines
-- Which physical lines do the open, paid orders hold?
SELECT l.order_id, l.sku, l.quantity, l.price_inc_tax
  FROM bigcommerce_order o
  JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id
 WHERE o.store = :store AND o.status_id = ANY(:status_ids) AND o.payment_status = ANY(:payment_statuses)
   AND NOT o.is_deleted AND l.type = 'physical' AND l.order_address_id <> 0
 ORDER BY l.order_id, l.order_product_id


-- name: open_order_addresses
-- Where do the open, paid orders go? (Personal data: read into a check, and never shown.)
SELECT o.order_id, address.value AS address
  FROM bigcommerce_order o
  JOIN order_personal p ON p.store = o.store AND p.order_id = o.order_id
 CROSS JOIN LATERAL jsonb_array_elements(p.payload->'addresses') address
 WHERE o.store = :store AND o.status_id = ANY(:status_ids) AND o.payment_status = ANY(:payment_statuses)
   AND NOT o.is_deleted
   AND EXISTS (SELECT FROM bigcommerce_order_line l WHERE l.store = o.store AND l.order_id = o.order_id
                  AND l.type = 'physical' AND l.order_address_id = (address.value->>'id')::bigint)
 ORDER BY o.order_id


-- name: orders_not_in_clarus
-- Which open, paid orders does Clarus not have yet, and what holds each?
SELECT o.order_id,
       (SELECT string_agg(DISTINCT f.message, ' ') FROM finding f
         WHERE f.store = o.store AND f.order_id = o.order_id AND f.state = 'open'
           AND f.scope IN ('orders.release', 'outbox')) AS held_by
  FROM bigcommerce_order o
 WHERE o.store = :store AND o.status_id = ANY(:status_ids) AND o.payment_status = ANY(:payment_statuses)
   AND NOT o.is_deleted AND o.created_at < :before
   AND NOT EXISTS (SELECT FROM clarus_goods_out g WHERE g.store = o.store AND g.order_id = o.order_id)
 ORDER BY o.created_at
