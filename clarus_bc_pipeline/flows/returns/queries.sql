-- What the returns flow asks of the ledger.

-- name: movements
-- Which transactions of these orders moved money, as far as they were read?
SELECT order_id, event, gateway_transaction_id, amount, currency, status, is_test
  FROM bigcommerce_transaction WHERE store = :store AND order_id = ANY(:order_ids)
 ORDER BY order_id, transaction_id


-- name: orders_money
-- In which currency are these orders, were their transactions read as they stand, and what did the shop refund?
-- What a gateway declined has not gone.
SELECT o.order_id, o.currency, coalesce(r.order_modified_at >= o.modified_at, false) AS was_read,
       coalesce(f.refunded, 0) AS refunded
  FROM bigcommerce_order o
  LEFT JOIN payment_reading r ON r.store = o.store AND r.order_id = o.order_id
  LEFT JOIN LATERAL (
      SELECT sum(f.amount - f.declined) AS refunded
        FROM bigcommerce_refund f WHERE f.store = o.store AND f.order_id = o.order_id
  ) f ON true
 WHERE o.store = :store AND o.order_id = ANY(:order_ids)
