-- What the catalogue flow asks of the ledger.

-- name: trend
-- How many findings of each type were open after each moment that opened or resolved one? The findings' own history
-- says it exactly, so no count is kept beside them.
WITH moved AS (
    SELECT first_seen_at AS at, code, 1 AS step FROM finding WHERE store = :store AND scope = :scope
    UNION ALL
    SELECT resolved_at, code, -1 FROM finding WHERE store = :store AND scope = :scope AND resolved_at IS NOT NULL
)
SELECT at, code, CAST(sum(sum(step)) OVER (PARTITION BY code ORDER BY at) AS bigint) AS skus
FROM moved
GROUP BY at, code
ORDER BY at, code;
