-- Order, payment, despatch and refund, matched (matching.py). The rules are those of rules.py, for all orders at once.

-- name: name_store
SELECT set_config('clarus_bc.store', :store, true)


-- name: match_touched
-- These orders only,
CREATE TEMPORARY TABLE match_touched ON COMMIT DROP AS SELECT DISTINCT unnest(CAST(:order_ids AS bigint[])) AS order_id


-- name: see_touched
CREATE TEMPORARY VIEW match_order AS
SELECT * FROM bigcommerce_order
 WHERE store = current_setting('clarus_bc.store') AND order_id IN (SELECT order_id FROM match_touched);
CREATE TEMPORARY VIEW match_despatch AS
SELECT * FROM despatch
 WHERE store = current_setting('clarus_bc.store') AND voided_at IS NULL
   AND order_id IN (SELECT order_id FROM match_touched);
CREATE TEMPORARY VIEW match_line AS
SELECT * FROM bigcommerce_order_line
 WHERE store = current_setting('clarus_bc.store') AND order_id IN (SELECT order_id FROM match_touched)


-- name: see_all
-- or all of them, without a join that would only hold Postgres up.
CREATE TEMPORARY VIEW match_order AS
SELECT * FROM bigcommerce_order WHERE store = current_setting('clarus_bc.store');
CREATE TEMPORARY VIEW match_despatch AS
SELECT * FROM despatch WHERE store = current_setting('clarus_bc.store') AND voided_at IS NULL;
CREATE TEMPORARY VIEW match_line AS
SELECT * FROM bigcommerce_order_line WHERE store = current_setting('clarus_bc.store')


-- name: currencies
-- In which currencies do these orders pay?
SELECT DISTINCT currency FROM match_order


-- name: match_currency
CREATE TEMPORARY TABLE match_currency ON COMMIT DROP AS
SELECT * FROM unnest(CAST(:currencies AS text[]), CAST(:decimals AS int[])) AS c (currency, decimals)


-- name: match_sent
-- How many units of each order line left, since when, and of how many is the income recognised (despatch or delivery)?
CREATE TEMPORARY TABLE match_sent ON COMMIT DROP AS
SELECT l.order_product_id, sum(l.quantity::int) AS sent,
       coalesce(sum(l.quantity::int) FILTER (WHERE d.despatched_at <= :recognise_before), 0) AS recognised,
       min(d.despatched_at) AS first_at
  FROM match_despatch d
  JOIN despatch_line l ON l.store = :store AND l.goods_out_id = d.goods_out_id AND l.sequence = d.sequence
 GROUP BY l.order_product_id


-- name: match_refunds
-- What did the shop's refunds of each order come to, and what of that was made by hand?
CREATE TEMPORARY TABLE match_refunds ON COMMIT DROP AS
SELECT f.order_id, sum(greatest(round(f.amount - f.declined, c.decimals), 0)) AS refunded,
       coalesce(sum(greatest(round(f.amount - f.declined, c.decimals), 0)) FILTER (WHERE f.rma IS NULL), 0) AS by_hand,
       coalesce(sum(greatest(round(f.amount - f.declined, c.decimals), 0)) FILTER (WHERE f.rma IS NULL AND NOT EXISTS (
           SELECT FROM bigcommerce_refund_item i
            WHERE i.store = f.store AND i.refund_id = f.refund_id AND i.item_type <> 'ORDER')), 0) AS of_no_line,
       min(f.created_at) AS first_at, max(f.created_at) AS last_at
  FROM bigcommerce_refund f
  JOIN match_order o USING (order_id)
  JOIN match_currency c ON c.currency = o.currency
 WHERE f.store = :store AND f.currency = o.currency
 GROUP BY f.order_id


-- name: match_by_hand
-- How many units of each line were refunded by hand? They are of what never left first.
CREATE TEMPORARY TABLE match_by_hand ON COMMIT DROP AS
SELECT i.item_id AS order_product_id, sum(i.units)::bigint AS units
  FROM match_refunds m
  JOIN bigcommerce_refund f ON f.store = :store AND f.order_id = m.order_id AND f.rma IS NULL AND f.amount > f.declined
  JOIN bigcommerce_refund_item i ON i.store = f.store AND i.refund_id = f.refund_id AND i.item_type = 'PRODUCT'
 WHERE m.by_hand > 0
 GROUP BY i.item_id


-- name: match_sums
-- What do the lines of each order come to, and did all of it leave? Nearly all did, and need no look at each line.
CREATE TEMPORARY TABLE match_sums ON COMMIT DROP AS
SELECT l.order_id, sum(l.total_inc_tax) AS total, sum(l.total_tax) AS tax, count(*) AS lines,
       bool_and(coalesce(l.type = 'physical' AND l.quantity > 0 AND s.sent >= l.quantity AND s.recognised >= l.quantity
                         AND l.total_inc_tax >= l.total_tax AND l.total_tax >= 0, false)) AS left_whole,
       max(greatest(min_scale(l.total_inc_tax), min_scale(l.total_tax))) AS decimals,
       min(s.first_at) FILTER (WHERE l.type = 'physical' AND l.quantity > 0) AS left_at
  FROM match_line l
  LEFT JOIN match_sent s ON s.order_product_id = l.order_product_id
 GROUP BY l.order_id


-- name: match_lines
-- Of each order that did not leave whole: what do its lines come to, sent, recognised, still to be sent or recognised?
CREATE TEMPORARY TABLE match_lines ON COMMIT DROP AS
SELECT l.order_id, sum(v.total) AS total, sum(v.tax) AS tax,
       sum(CASE l.sent WHEN 0 THEN 0 WHEN l.quantity THEN v.total
                ELSE round(l.total * l.sent / l.quantity, l.decimals) END) AS sent,
       sum(CASE l.recognised WHEN 0 THEN 0 WHEN l.quantity THEN v.total
                ELSE round(l.total * l.recognised / l.quantity, l.decimals) END) AS recognised,
       sum(CASE l.recognised WHEN 0 THEN 0 WHEN l.quantity THEN v.tax
                ELSE round(l.tax * l.recognised / l.quantity, l.decimals) END) AS recognised_tax,
       sum(CASE l.recognised + least(l.by_hand, l.quantity - l.recognised) WHEN l.quantity THEN 0 WHEN 0 THEN v.total
                ELSE v.total - round(l.total * (l.recognised + least(l.by_hand, l.quantity - l.recognised))
                                     / l.quantity, l.decimals) END)
           FILTER (WHERE l.is_sendable) AS held,
       sum(v.total) FILTER (WHERE l.is_digital) AS digital, sum(v.tax) FILTER (WHERE l.is_digital) AS digital_tax,
       sum(v.total) FILTER (WHERE NOT l.is_digital AND NOT l.is_sendable) AS kept,
       bool_or(l.is_sendable) AS has_sendable,
       (sum(l.quantity - l.sent - least(l.by_hand, l.quantity - l.sent)) FILTER (WHERE l.is_sendable))::bigint
           AS units_left,
       count(*) AS lines, bool_or(v.total <> l.total OR v.tax <> l.tax) AS is_too_fine,
       bool_or(l.tax > l.total AND l.total >= 0 OR l.total < 0) AS is_odd
  FROM (
      SELECT l.order_id, l.quantity, l.total_inc_tax AS total, l.total_tax AS tax, c.decimals,
             l.type = 'physical' AND l.quantity > 0 AS is_sendable, l.type = 'digital' AS is_digital,
             CASE WHEN l.type = 'physical' THEN least(coalesce(s.sent, 0), l.quantity) ELSE 0 END AS sent,
             CASE WHEN l.type = 'physical' THEN least(coalesce(s.recognised, 0), l.quantity) ELSE 0 END AS recognised,
             coalesce(h.units, 0) AS by_hand
        FROM match_sums m
        JOIN match_order o ON o.order_id = m.order_id
        JOIN match_currency c ON c.currency = o.currency
        JOIN bigcommerce_order_line l ON l.store = :store AND l.order_id = o.order_id
        LEFT JOIN match_sent s ON s.order_product_id = l.order_product_id
        LEFT JOIN match_by_hand h ON h.order_product_id = l.order_product_id
       WHERE NOT (m.left_whole AND m.decimals <= :fewest_decimals)
  ) l
  CROSS JOIN LATERAL (SELECT round(l.total, l.decimals) AS total, round(l.tax, l.decimals) AS tax) v
 GROUP BY l.order_id


-- name: match_paid
-- What did the transactions of each order come to, in its currency and in others? As flows/returns/payments.py has it.
CREATE TEMPORARY TABLE match_paid ON COMMIT DROP AS
SELECT t.order_id,
       coalesce(sum(round(t.amount, t.decimals)) FILTER (
           WHERE t.is_good AND (t.event IN ('purchase', 'capture') OR t.event = 'settled' AND NOT EXISTS (
               SELECT FROM bigcommerce_transaction k
                WHERE k.store = :store AND k.order_id = t.order_id AND k.event IN ('purchase', 'capture')
                  AND k.status = 'ok' AND NOT k.is_test AND k.currency = t.currency
                  AND k.gateway_transaction_id IS NOT DISTINCT FROM t.gateway_transaction_id))), 0) AS captured,
       coalesce(sum(abs(round(t.amount, t.decimals))) FILTER (WHERE t.is_good AND t.event = 'refund'), 0) AS paid_back,
       min(t.created_at) FILTER (WHERE t.is_good) AS first_at,
       max(t.created_at) FILTER (WHERE t.event = 'refund') AS paid_back_at,
       count(*) FILTER (WHERE t.currency <> t.of_order AND t.status = 'ok' AND NOT t.is_test) AS others,
       string_agg(t.amount::numeric(20, 2) || ' ' || t.currency, ', ')
           FILTER (WHERE t.currency <> t.of_order AND t.status = 'ok' AND NOT t.is_test) AS said,
       bool_and(t.is_test) AS is_test,
       bool_or(t.is_good AND round(t.amount, t.decimals) <> t.amount) AS is_too_fine
  FROM (SELECT t.*, o.currency AS of_order, c.decimals,
               o.currency = t.currency AND t.status = 'ok' AND NOT t.is_test AS is_good
          FROM match_order o
          JOIN match_currency c ON c.currency = o.currency
          JOIN bigcommerce_transaction t ON t.store = :store AND t.order_id = o.order_id) t
 GROUP BY t.order_id


-- name: match_orders
-- Where does each order stand? `paid` is what its transactions say, and until they are read what its status says;
-- `held` is the deferred income that it should have.
CREATE TEMPORARY TABLE match_orders ON COMMIT DROP AS
SELECT order_id, currency, decimals, status_id, created_at, modified_at, is_deleted, is_cancelled, total, tax, charges,
       charges_tax, sent, units_left, lines, has_left, left_at, was_read, is_current, paid, paid_at, paid_back,
       paid_back_at, others, said, refunded, by_hand, of_no_line, refunded_at, is_too_fine, is_odd,
       CASE WHEN created_at < :since_created THEN 'created before go-live'
            WHEN status_id = 0 THEN 'incomplete: never placed'
            WHEN is_test THEN 'test payments only'
            WHEN paid = 0 AND NOT has_left AND refunded = 0 AND others = 0 THEN 'not paid and nothing sent' END
           AS excluded,
       recognised + CASE WHEN NOT earned_at_once THEN 0 WHEN has_sendable THEN digital ELSE digital + charges END
           AS earned,
       recognised_tax + CASE WHEN NOT earned_at_once THEN 0 WHEN has_sendable THEN digital_tax
                             ELSE digital_tax + charges_tax END AS earned_tax,
       CASE WHEN is_cancelled OR paid = 0 THEN 0
            WHEN is_recognised OR earned_at_once AND NOT has_sendable THEN lines_held + kept
            ELSE lines_held + kept + charges END AS held
  FROM (
      SELECT o.*, o.paid > 0 AND NOT o.is_cancelled AND o.digital IS NOT NULL AS earned_at_once,
             o.lines_recognised + CASE WHEN o.is_recognised THEN o.charges ELSE 0 END AS recognised,
             o.lines_recognised_tax + CASE WHEN o.is_recognised THEN o.charges_tax ELSE 0 END AS recognised_tax,
             o.lines_sent + CASE WHEN o.has_left THEN o.charges ELSE 0 END AS sent
        FROM (
            SELECT o.order_id, o.currency, c.decimals, o.status_id, o.created_at, o.modified_at, o.is_deleted,
                   o.status_id = ANY(:cancelled) AS is_cancelled, v.total, v.tax,
                   v.total - coalesce(l.total, m.total, 0) AS charges, v.tax - coalesce(l.tax, m.tax, 0) AS charges_tax,
                   coalesce(l.sent, m.total, 0) AS lines_sent, coalesce(l.recognised, m.total, 0) AS lines_recognised,
                   coalesce(l.recognised_tax, m.tax, 0) AS lines_recognised_tax, coalesce(l.held, 0) AS lines_held,
                   l.digital, l.digital_tax, coalesce(l.kept, 0) AS kept,
                   coalesce(l.has_sendable, m.order_id IS NOT NULL) AS has_sendable,
                   coalesce(l.units_left, 0) AS units_left, coalesce(m.lines, 0) AS lines,
                   m.left_at IS NOT NULL AS has_left, m.left_at,
                   coalesce(m.left_at <= :recognise_before, false) AS is_recognised,
                   r.order_id IS NOT NULL AS was_read,
                   coalesce(r.order_modified_at >= o.modified_at, false) AS is_current,
                   CASE WHEN r.order_id IS NOT NULL THEN coalesce(p.captured, 0)
                        WHEN lower(o.payment_status) = ANY(:paid) THEN greatest(v.total, 0)
                        ELSE 0 END AS paid,
                   coalesce(p.first_at, o.created_at) AS paid_at, coalesce(p.paid_back, 0) AS paid_back, p.paid_back_at,
                   coalesce(p.others, 0) AS others, p.said, coalesce(p.is_test, false) AS is_test,
                   coalesce(f.refunded, 0) AS refunded, coalesce(f.by_hand, 0) AS by_hand,
                   coalesce(f.of_no_line, 0) AS of_no_line, f.first_at AS refunded_at,
                   coalesce(l.is_too_fine, false) OR coalesce(p.is_too_fine, false)
                       OR v.total <> o.total_inc_tax AS is_too_fine,
                   coalesce(l.is_odd, false) OR o.total_inc_tax < 0 OR o.total_tax > o.total_inc_tax
                       OR m.order_id IS NULL AND o.total_inc_tax <> 0
                       OR v.tax < coalesce(l.tax, m.tax, 0) AND v.total >= coalesce(l.total, m.total, 0)
                          AND v.tax - coalesce(l.tax, m.tax, 0) < -0.01 * (coalesce(m.lines, 0) + 1) AS is_odd
              FROM match_order o
              JOIN match_currency c ON c.currency = o.currency
              CROSS JOIN LATERAL (SELECT round(o.total_inc_tax, c.decimals) AS total,
                                         round(o.total_tax, c.decimals) AS tax) v
              LEFT JOIN match_sums m ON m.order_id = o.order_id
              LEFT JOIN match_lines l ON l.order_id = o.order_id
              LEFT JOIN match_paid p ON p.order_id = o.order_id
              LEFT JOIN match_refunds f ON f.order_id = o.order_id
              LEFT JOIN payment_reading r ON r.store = :store AND r.order_id = o.order_id
        ) o
  ) o


-- name: match_breaks
-- What does not agree, a row each. An order may have several; one that agrees has none.
CREATE TEMPORARY TABLE match_breaks ON COMMIT DROP AS
-- Nearly all agree: what no rule below can hold of is done with at once.
WITH books AS MATERIALIZED (
    SELECT * FROM match_orders
     WHERE excluded IS NULL
       AND (units_left > 0 OR was_read AND paid <> total OR has_left AND sent > paid OR is_cancelled OR by_hand > 0
            OR status_id = :refunded_status OR paid_back > refunded OR others > 0 OR is_too_fine OR is_odd
            OR NOT is_current)
),
short AS (
    SELECT g.order_id, string_agg(DISTINCT l.product_code, ', ') AS codes
      FROM books o
      JOIN clarus_goods_out g ON g.store = :store AND g.order_id = o.order_id
      JOIN clarus_goods_out_line l ON l.store = :store AND l.goods_out_id = g.goods_out_id AND l.short_status <> ''
     WHERE o.is_cancelled OR o.by_hand > 0
     GROUP BY g.order_id
    UNION
    SELECT CAST(e.value AS bigint), f.subject
      FROM finding f CROSS JOIN LATERAL jsonb_array_elements_text(f.evidence -> 'orders') e
     WHERE f.store = :store AND f.code = 'oversold'
),
due AS (
    SELECT o.order_id, l.order_product_id, o.paid_at, l.sku, u.units,
           round(l.total_inc_tax, o.decimals)
               - round(l.total_inc_tax * (l.quantity - u.units) / l.quantity, o.decimals) AS value
      FROM books o
      JOIN bigcommerce_order_line l ON l.store = :store AND l.order_id = o.order_id AND l.type = 'physical'
                                   AND l.quantity > 0
      LEFT JOIN match_sent s ON s.order_product_id = l.order_product_id
      LEFT JOIN match_by_hand h ON h.order_product_id = l.order_product_id
      CROSS JOIN LATERAL (SELECT greatest(0, l.quantity - least(coalesce(s.sent, 0), l.quantity)
                                             - coalesce(h.units, 0)) AS units) u
     WHERE o.units_left > 0 AND o.paid > 0 AND NOT o.is_cancelled AND NOT o.is_deleted AND u.units > 0
)
SELECT order_id, order_product_id, 'paid_not_despatched' AS code, value AS amount, paid_at AS since,
       units || ' x ' || sku AS detail
  FROM due
UNION ALL
SELECT order_id, 0, 'paid_not_despatched', charges, paid_at, 'delivery and other charges'
  FROM books
 WHERE units_left > 0 AND paid > 0 AND NOT is_cancelled AND NOT is_deleted AND NOT has_left AND charges <> 0
UNION ALL
SELECT order_id, 0, 'despatched_not_paid', sent - paid, left_at,
       'sent ' || sent || ', ' || CASE WHEN was_read THEN 'captured ' ELSE 'paid by its status ' END || paid
  FROM books WHERE has_left AND sent > paid
UNION ALL
SELECT order_id, 0, 'partial_capture', total - paid, paid_at, 'captured ' || paid || ' of ' || total
  FROM books
 WHERE was_read AND paid > 0 AND paid < total AND NOT is_cancelled AND NOT (has_left AND sent > paid)
UNION ALL
SELECT order_id, 0, 'duplicate_capture', paid - total - least(of_no_line, paid - total), paid_at,
       'captured ' || paid || ' for ' || total
  FROM books WHERE was_read AND paid - of_no_line > total
UNION ALL
SELECT order_id, 0, 'refunded_without_money', least(paid, total) - greatest(refunded, paid_back), modified_at,
       'status Refunded, paid back ' || greatest(refunded, paid_back) || ' of ' || least(paid, total)
  FROM books WHERE status_id = :refunded_status AND least(paid, total) > greatest(refunded, paid_back)
UNION ALL
SELECT order_id, 0, 'refund_owed', paid - sent - refunded, modified_at,
       'cancelled, kept ' || paid - sent - refunded || ' of ' || paid
  FROM books
 WHERE is_cancelled AND status_id <> :refunded_status AND paid - sent > greatest(refunded, paid_back)
UNION ALL
SELECT order_id, 0, 'gateway_refund_not_in_shop', paid_back - refunded, coalesce(paid_back_at, modified_at),
       'the gateway paid back ' || paid_back || ', BigCommerce shows ' || refunded
  FROM books WHERE is_current AND paid_back > refunded
UNION ALL
SELECT order_id, 0, 'currency_differs', 0, paid_at, said || ' for an order in ' || currency FROM books WHERE others > 0
UNION ALL
SELECT order_id, 0, 'amounts_do_not_add_up', abs(charges), created_at,
       CASE WHEN is_too_fine THEN 'an amount has more decimals than ' || currency
            WHEN lines = 0 THEN 'total ' || total || ' and no lines'
            ELSE 'total ' || total || ' (VAT ' || tax || '), of which the lines do not explain ' || charges
                 || ' (VAT ' || charges_tax || ')' END
  FROM books WHERE is_too_fine OR is_odd
UNION ALL
SELECT o.order_id, 0, 'oversell_cancelled', greatest(o.paid - o.sent, o.by_hand),
       coalesce(o.refunded_at, o.modified_at), 'short of ' || min(s.codes)
  FROM books o JOIN short s USING (order_id)
 WHERE o.paid > 0 AND (o.is_cancelled AND o.paid > o.sent OR o.by_hand > 0)
 GROUP BY o.order_id, o.paid, o.sent, o.by_hand, o.refunded_at, o.modified_at
UNION ALL
SELECT order_id, 0, 'refund_by_hand', by_hand, refunded_at, 'refunded in BigCommerce, by no RMA: ' || by_hand
  FROM books WHERE by_hand > 0
UNION ALL
SELECT order_id, 0, 'not_checked', paid, coalesce(left_at, refunded_at, modified_at),
       CASE WHEN was_read THEN 'payments were read before the order last changed'
            ELSE 'payments not read yet: paid by the order''s status' END
  FROM books WHERE NOT is_current AND NOT is_deleted AND (has_left OR refunded > 0 OR is_cancelled AND paid > 0)
UNION ALL
SELECT o.order_id, 0, 'price_changed_after_despatch', abs(sum(j.debit - j.credit)), min(j.posted_at),
       'posted since: ' || sum(j.debit - j.credit) || ' to deferred income'
  FROM journal_line j JOIN match_orders o ON o.order_id = j.order_id AND o.excluded IS NULL
 WHERE j.store = :store AND j.evidence ? 'adjusts' AND j.evidence ->> 'adjusts' = 'price'
   AND j.account = 'deferred_income' AND split_part(j.event, ':', 1) = 'despatch'
   AND NOT EXISTS (SELECT FROM accounting_period a WHERE a.store = j.store AND a.period = j.period)
 GROUP BY o.order_id


-- name: forget_breaks
DELETE FROM finance_break WHERE store = :store AND order_id IN (SELECT order_id FROM match_order)
    OR store = :store AND :whole


-- name: keep_breaks
-- Material: not below both the amount and the share of the order's total that the store's settings name.
INSERT INTO finance_break (store, order_id, order_product_id, code, currency, amount, since, is_material, detail)
SELECT :store, b.order_id, b.order_product_id, b.code, o.currency, b.amount, b.since,
       b.code IN ('paid_not_despatched', 'currency_differs', 'amounts_do_not_add_up')
       OR b.amount >= :material OR b.amount >= abs(o.total) * :material_share,
       b.detail
  FROM match_breaks b JOIN match_orders o USING (order_id)


-- name: match_totals
-- How many orders are there by currency and reason to leave them out, and what do the facts of each come to?
CREATE TEMPORARY TABLE match_totals ON COMMIT DROP AS
SELECT currency, excluded, count(*) AS orders, sum(total) AS total, sum(paid) AS paid,
       sum(paid) FILTER (WHERE NOT was_read) AS by_status, sum(earned) AS earned, sum(earned_tax) AS earned_tax,
       sum(refunded) AS refunded, sum(held) AS held
  FROM match_orders GROUP BY currency, excluded


-- name: completeness
-- Every order that was read is matched, listed or excluded with a reason: how many, and worth what?
WITH listed AS (
    SELECT o.currency, count(*) AS orders, sum(o.total) AS total
      FROM (SELECT DISTINCT order_id FROM match_breaks) b JOIN match_orders o USING (order_id)
     GROUP BY o.currency
)
SELECT currency, 'matched' AS state, false AS is_excluded, t.orders - coalesce(l.orders, 0) AS orders,
       t.total - coalesce(l.total, 0) AS total
  FROM match_totals t LEFT JOIN listed l USING (currency) WHERE t.excluded IS NULL
UNION ALL
SELECT currency, 'listed', false, orders, total FROM listed
UNION ALL
SELECT currency, excluded, true, orders, total FROM match_totals WHERE excluded IS NOT NULL
 ORDER BY 1, 3, 2


-- name: break_findings
-- Which breaks must a person know? Paid and not sent only once it is late. After a tick: those of the orders that were
-- matched, and what turned late without anything happening to it.
SELECT order_id, code, min(currency) AS currency, sum(amount) AS amount, min(since) AS since, count(*) AS lines,
       string_agg(detail, '; ' ORDER BY order_product_id) AS detail
  FROM finance_break
 WHERE store = :store AND is_material AND code = ANY(:codes)
   AND (code <> 'paid_not_despatched' OR since <= :late_before)
   AND (:whole OR order_id = ANY(:order_ids) OR code = 'paid_not_despatched' AND NOT EXISTS (
            SELECT FROM finding f
             WHERE f.store = :store AND f.code = 'paid_not_despatched' AND f.order_id = finance_break.order_id
               AND f.state = 'open'))
 GROUP BY order_id, code ORDER BY order_id, code


-- name: break_sums
-- The breaks by code, currency and age of the event, those below materiality apart.
SELECT code, currency, is_material, count(*) AS rows, count(DISTINCT order_id) AS orders, sum(amount) AS amount,
       min(since) AS oldest,
       coalesce(sum(amount) FILTER (WHERE days <= 7), 0) AS days_0_7,
       coalesce(sum(amount) FILTER (WHERE days BETWEEN 8 AND 30), 0) AS days_8_30,
       coalesce(sum(amount) FILTER (WHERE days BETWEEN 31 AND 60), 0) AS days_31_60,
       coalesce(sum(amount) FILTER (WHERE days BETWEEN 61 AND 90), 0) AS days_61_90,
       coalesce(sum(amount) FILTER (WHERE days > 90), 0) AS days_over_90
  FROM (SELECT b.*, floor(extract(epoch FROM :now - since) / 86400)::int AS days
          FROM finance_break b WHERE store = :store) b
 GROUP BY code, currency, is_material ORDER BY code, currency, is_material DESC
