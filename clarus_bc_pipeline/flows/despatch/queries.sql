-- What the despatch flow asks of the ledger (sync.py).

-- name: watched_references
-- Which goods-outs of ours do we ask for by name, because no transaction will tell? The open ones; those that came
-- before their order; those that left lately with a parcel without a number, or so lately that a label may be made anew;
-- those that wait for a number; those that a person is asked to mend in Clarus; and those that could not be read whole.
SELECT reference FROM clarus_goods_out
 WHERE store = :store AND order_id IS NOT NULL AND missing_since IS NULL AND status <> ALL(:finished)
UNION
SELECT reference FROM clarus_goods_out
 WHERE store = :store AND missing_since IS NULL
   AND (goods_out_id = ANY(CAST(:waiting AS bigint[])) OR (order_id IS NULL AND seen_at >= :tracked_since))
UNION
SELECT g.reference FROM finding f
  JOIN clarus_goods_out g ON g.store = f.store AND g.goods_out_id = (f.evidence->>'goods_out_id')::bigint
 WHERE f.store = :store AND f.scope = 'despatch' AND f.state = 'open' AND f.evidence ? 'goods_out_id'
   AND g.missing_since IS NULL
UNION
SELECT jsonb_array_elements_text(evidence->'references') FROM finding
 WHERE store = :store AND scope = 'despatch.pull' AND state = 'open' AND evidence ? 'references'
UNION
SELECT g.reference
  FROM despatch d
  JOIN clarus_goods_out g USING (store, goods_out_id)
  JOIN despatch_parcel p USING (store, goods_out_id, sequence)
 WHERE d.store = :store AND g.missing_since IS NULL AND d.despatched_at >= :tracked_since
   AND (p.tracking_number = '' OR d.despatched_at >= :relabelled_since)


-- name: whole_again
-- Which records that could not be read were parts of goods-outs that have all been read whole now?
SELECT subject FROM finding
 WHERE store = :store AND scope = 'despatch.pull' AND state = 'open' AND evidence->'references' <@ CAST(:read AS jsonb)


-- name: goods_outs_to_decide
-- Which goods-outs of ours changed on either side lately, or are being watched, and what decides their despatch?
WITH touched AS (
    SELECT goods_out_id FROM clarus_goods_out WHERE store = :store AND seen_at >= :since
    UNION
    SELECT goods_out_id FROM clarus_goods_out_line WHERE store = :store AND seen_at >= :since
    UNION
    SELECT goods_out_id FROM clarus_shipment WHERE store = :store AND seen_at >= :since
    UNION
    SELECT goods_out_id FROM clarus_package WHERE store = :store AND seen_at >= :since
    UNION
    SELECT g.goods_out_id FROM bigcommerce_shipment s JOIN clarus_goods_out g USING (store, order_id)
     WHERE s.store = :store AND s.seen_at >= :since
    UNION
    SELECT (evidence->>'goods_out_id')::bigint FROM finding
     WHERE store = :store AND scope = 'despatch' AND state = 'open' AND evidence ? 'goods_out_id'
    UNION
    SELECT unnest(CAST(:watched AS bigint[]))
),
goods_out AS (
    SELECT g.* FROM touched t JOIN clarus_goods_out g ON g.store = :store AND g.goods_out_id = t.goods_out_id
     WHERE g.order_id IS NOT NULL
)
SELECT g.goods_out_id, g.order_id, g.status, coalesce(g.despatched_at, lines.last_left_at) AS despatched_at, o.currency,
       coalesce(g.order_address_id, (SELECT min(a.order_address_id) FROM bigcommerce_order_address a
                                      WHERE a.store = g.store AND a.order_id = g.order_id), 0) AS order_address_id,
       p.payload->'addresses' AS addresses,
       coalesce((SELECT max(d.sequence) FROM despatch d
                  WHERE d.store = g.store AND d.goods_out_id = g.goods_out_id), 0) AS last_sequence,
       lines.lines, parcels.parcels, announced.announced
  FROM goods_out g
  JOIN bigcommerce_order o ON o.store = g.store AND o.order_id = g.order_id
  LEFT JOIN order_personal p ON p.store = g.store AND p.order_id = g.order_id
  CROSS JOIN LATERAL (
      SELECT json_agg(json_build_object(
                 'goods_out_line_id', l.goods_out_line_id, 'product_code', l.product_code,
                 'order_product_id', ol.order_product_id,
                 'candidates', CASE WHEN l.order_product_id IS NULL THEN l.candidates ELSE 1 END,
                 'ordered', l.ordered::text, 'despatched', l.despatched::text, 'short_status', l.short_status,
                 'announced', coalesce(told.quantity, 0),
                 'open_in_shop', coalesce(ol.quantity - ol.quantity_refunded - coalesce(line_told.quantity, 0)
                                 - greatest(0, ol.quantity_shipped - coalesce(line_shown.quantity, 0)), 0),
                 'price_inc_tax', coalesce(ol.price_inc_tax, 0)::text) ORDER BY l.goods_out_line_id) AS lines,
             -- Clarus may give no despatch time while a part is still to go; when we saw it leave is the next best.
             max(l.seen_at) FILTER (WHERE l.despatched > 0) AS last_left_at
        FROM clarus_goods_out_line l
        LEFT JOIN bigcommerce_order_line ol
          ON ol.store = l.store AND ol.order_product_id = l.order_product_id AND ol.order_id = g.order_id
        LEFT JOIN LATERAL (
            SELECT sum(d.quantity) AS quantity FROM despatch_line d
             WHERE d.store = l.store AND d.goods_out_id = l.goods_out_id AND d.goods_out_line_id = l.goods_out_line_id
        ) told ON true
        LEFT JOIN LATERAL (
            SELECT sum(d.quantity) AS quantity FROM despatch_line d
             WHERE d.store = l.store AND d.order_product_id = ol.order_product_id
        ) line_told ON true
        LEFT JOIN LATERAL (
            SELECT sum(sl.quantity) AS quantity
              FROM bigcommerce_shipment_line sl JOIN bigcommerce_shipment s USING (store, shipment_id)
             WHERE sl.store = l.store AND sl.order_product_id = ol.order_product_id
               AND s.marker IS NOT NULL AND s.deleted_at IS NULL
        ) line_shown ON true
       WHERE l.store = g.store AND l.goods_out_id = g.goods_out_id
  ) lines
  LEFT JOIN LATERAL (
      -- A shipment without package records is one parcel. Its own number stands for a package's only where it is alone.
      SELECT json_agg(json_build_object(
                 'package_id', k.package_id, 'carrier_code', s.carrier_code,
                 'tracking_number', CASE WHEN k.tracking_number <> '' THEN k.tracking_number
                                         WHEN packages.number <= 1 THEN s.tracking_number ELSE '' END,
                 'is_void', lower(s.status) IN ('cancelled', 'canceled') OR coalesce(k.missing_since IS NOT NULL, false),
                 'sequence', dp.sequence, 'parcel', dp.parcel) ORDER BY s.clarus_shipment_id, k.package_id) AS parcels
        FROM clarus_shipment s
        CROSS JOIN LATERAL (SELECT count(*) AS number FROM clarus_package c
                             WHERE c.store = s.store AND c.clarus_shipment_id = s.clarus_shipment_id
                               AND c.missing_since IS NULL) packages
        LEFT JOIN clarus_package k ON k.store = s.store AND k.clarus_shipment_id = s.clarus_shipment_id
        LEFT JOIN despatch_parcel dp
          ON dp.store = k.store AND dp.goods_out_id = k.goods_out_id AND dp.package_id = k.package_id
       WHERE s.store = g.store AND s.goods_out_id = g.goods_out_id AND (k.package_id IS NOT NULL OR packages.number = 0)
  ) parcels ON true
  LEFT JOIN LATERAL (
      SELECT json_agg(json_build_object(
                 'sequence', dp.sequence, 'parcel', dp.parcel, 'package_id', dp.package_id,
                 'carrier_code', dp.carrier_code, 'tracking_number', dp.tracking_number,
                 'shipment_id', s.shipment_id,
                 'changes', (SELECT count(*) FROM push r
                              WHERE r.store = g.store AND r.lane = 'order:' || g.order_id AND r.kind = 'shipment_tracking'
                                AND r.business_key LIKE dp_key.marker || '#%')) ORDER BY dp.sequence, dp.parcel) AS announced
        FROM despatch_parcel dp
        CROSS JOIN LATERAL (SELECT format('GO-%s/%s/%s', dp.goods_out_id, dp.sequence, dp.parcel) AS marker) dp_key
        LEFT JOIN bigcommerce_shipment s
          ON s.store = dp.store AND s.order_id = g.order_id AND s.marker = dp_key.marker AND s.deleted_at IS NULL
       WHERE dp.store = g.store AND dp.goods_out_id = g.goods_out_id
  ) announced ON true
 WHERE lines.lines IS NOT NULL
 ORDER BY g.goods_out_id


-- name: shipped_orders
-- Which orders, read again since their last shipment, still show a status from before it, and have no push about it?
SELECT o.order_id, o.status_id, sum(l.quantity - l.quantity_refunded) AS to_ship, sum(l.quantity_shipped) AS shipped,
       s.last_shipment_id
  FROM (SELECT order_id, max(shipment_id) AS last_shipment_id, max(created_at) AS created_at, max(seen_at) AS seen_at
          FROM bigcommerce_shipment
         WHERE store = :store AND marker IS NOT NULL AND deleted_at IS NULL AND seen_at >= :since
         GROUP BY order_id) s
  JOIN bigcommerce_order o ON o.store = :store AND o.order_id = s.order_id
  JOIN bigcommerce_order_line l ON l.store = o.store AND l.order_id = o.order_id AND l.type = 'physical'
 WHERE s.created_at <= :before
   AND (o.modified_at >= s.created_at OR o.read_at >= s.seen_at)
   AND o.status_id IN (3, 7, 8, 9, 11)
   AND NOT EXISTS (SELECT FROM push r
                    WHERE r.store = o.store AND r.lane = 'order:' || o.order_id AND r.kind = 'order_status'
                      AND r.created_at >= s.seen_at)
 GROUP BY 1, 2, 5
HAVING sum(l.quantity_shipped) > 0
   AND (o.status_id <> 3 OR sum(l.quantity_shipped) >= sum(l.quantity - l.quantity_refunded))
 ORDER BY 1
