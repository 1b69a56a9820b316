-- What the checks of despatches ask of the ledger (checks.py).

-- name: despatched_lines
-- Which goods-out lines of ours have left lately?
SELECT g.order_id, l.product_code, l.ordered, l.despatched, l.candidates
  FROM clarus_goods_out_line l
  JOIN clarus_goods_out g USING (store, goods_out_id)
 WHERE l.store = :store AND l.seen_at >= :since AND l.despatched <> 0 AND g.order_id IS NOT NULL
 ORDER BY g.order_id, l.goods_out_line_id


-- name: despatched_parcels
-- Which parcels of ours left lately, and how are they tracked?
SELECT g.order_id, s.carrier_code, coalesce(nullif(k.tracking_number, ''), s.tracking_number) AS tracking_number
  FROM clarus_package k
  JOIN clarus_shipment s USING (store, clarus_shipment_id)
  JOIN clarus_goods_out g ON g.store = k.store AND g.goods_out_id = k.goods_out_id
 WHERE k.store = :store AND k.seen_at >= :since AND k.missing_since IS NULL AND g.order_id IS NOT NULL
   AND lower(s.status) NOT IN ('cancelled', 'canceled')
   AND EXISTS (SELECT FROM clarus_goods_out_line l
                WHERE l.store = g.store AND l.goods_out_id = g.goods_out_id AND l.despatched > 0)
 ORDER BY g.order_id, k.package_id


-- name: delivery_times
-- How long did it take from the warehouse's despatch to the shop's shipment, and what is still open past the agreed time?
SELECT count(*) FILTER (WHERE p.state = 'delivered') AS delivered,
       count(*) FILTER (WHERE p.state = 'delivered' AND p.delivered_at > p.due_at) AS late,
       count(*) FILTER (WHERE p.state <> 'delivered' AND p.due_at < :now) AS open_late,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM p.delivered_at - p.due_at + :sla) / 60)
           FILTER (WHERE p.state = 'delivered') AS median_minutes,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM p.delivered_at - p.due_at + :sla) / 60)
           FILTER (WHERE p.state = 'delivered') AS p95_minutes
  FROM push p
 WHERE p.store = :store AND p.kind = 'shipment' AND p.state <> 'superseded' AND p.created_at >= :since
