-- One order's story (story.py).

-- name: order_now
-- How does the order stand on both sides?
SELECT o.order_id, o.status_id, o.payment_status, o.is_deleted, o.total_inc_tax, o.currency, o.created_at,
       coalesce(sum(l.quantity - l.quantity_refunded) FILTER (WHERE l.type = 'physical'), 0) AS to_ship,
       coalesce(sum(l.quantity_shipped) FILTER (WHERE l.type = 'physical'), 0) AS shipped,
       g.goods_out_id, g.reference, g.status AS goods_out_status, g.missing_since IS NOT NULL AS goods_out_missing,
       (SELECT sum(w.despatched) FROM clarus_goods_out_line w JOIN clarus_goods_out x USING (store, goods_out_id)
         WHERE x.store = o.store AND x.order_id = o.order_id) AS despatched,
       (SELECT state FROM push r WHERE r.store = o.store AND r.lane = 'order:' || o.order_id AND r.kind = 'goods_out'
         ORDER BY push_id DESC LIMIT 1) AS push_state
  FROM bigcommerce_order o
  LEFT JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id
  LEFT JOIN LATERAL (
      SELECT * FROM clarus_goods_out c WHERE c.store = o.store AND c.order_id = o.order_id
       ORDER BY c.status = 'CANCELLED', c.goods_out_id LIMIT 1
  ) g ON true
 WHERE o.store = :store AND o.order_id = :order_id
 GROUP BY o.store, o.order_id, g.goods_out_id, g.reference, g.status, g.missing_since

-- name: parcels
-- Which parcels left, and does the shop show each?
SELECT p.sequence, p.parcel, p.carrier_code AS carrier, p.tracking_number, d.despatched_at, s.shipment_id,
       s.tracking_link
  FROM despatch d
  JOIN despatch_parcel p USING (store, goods_out_id, sequence)
  LEFT JOIN bigcommerce_shipment s ON s.store = d.store AND s.order_id = d.order_id AND s.deleted_at IS NULL
        AND s.marker = format('GO-%s/%s/%s', p.goods_out_id, p.sequence, p.parcel)
 WHERE d.store = :store AND d.order_id = :order_id
 ORDER BY d.goods_out_id, p.sequence, p.parcel

-- name: events
-- What happened, in both systems, in order?
SELECT at, system, what FROM (
    SELECT created_at AS at, 'BigCommerce' AS system, format('ordered, %s %s', total_inc_tax::numeric(20,2), currency) AS what, 0 AS n
      FROM bigcommerce_order WHERE store = :store AND order_id = :order_id
    UNION ALL
    SELECT a.finished_at, CASE WHEN p.kind LIKE 'goods_out%' THEN 'Clarus' ELSE 'BigCommerce' END,
           format('%s %s: %s%s', replace(p.kind, '_', ' '), p.business_key,
                  CASE a.action WHEN 'read_back' THEN 'looked for, ' ELSE '' END || replace(a.outcome, '_', ' '),
                  CASE WHEN a.detail IS NULL OR a.outcome IN ('delivered', 'found') THEN '' ELSE ' (' || a.detail || ')' END), 1
      FROM push p JOIN push_attempt a ON a.store = p.store AND a.push_id = p.push_id
     WHERE p.store = :store AND p.lane = 'order:' || :order_id AND a.finished_at IS NOT NULL
    UNION ALL
    SELECT e.seen_at, 'Clarus', format('%s is %s', g.reference, e.status), 2
      FROM clarus_goods_out_event e JOIN clarus_goods_out g USING (store, goods_out_id)
     WHERE g.store = :store AND g.order_id = :order_id
    UNION ALL
    SELECT d.despatched_at, 'Clarus', format('despatched, %s units in %s parcel(s)',
           (SELECT sum(quantity) FROM despatch_line l WHERE (l.store, l.goods_out_id, l.sequence) = (d.store, d.goods_out_id, d.sequence)),
           (SELECT count(*) FROM despatch_parcel k WHERE (k.store, k.goods_out_id, k.sequence) = (d.store, d.goods_out_id, d.sequence))), 3
      FROM despatch d WHERE d.store = :store AND d.order_id = :order_id
    UNION ALL
    SELECT v.at, 'finding', format('%s: %s', v.event, f.message), 4
      FROM finding f JOIN finding_event v ON v.store = f.store AND v.finding_id = f.finding_id
     WHERE f.store = :store AND f.order_id = :order_id AND v.event IN ('opened', 'resolved', 'closed')
) told
 ORDER BY at, n
