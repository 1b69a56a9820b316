-- Findings: what each decision sees now, against what is open.
-- `incoming` is passed as one array a column, so that 10,000 findings are one statement.

-- name: repeat_open
-- Which of the findings seen now are open already, and do they say something new?
WITH incoming AS (
    SELECT * FROM unnest(
        CAST(:codes AS text[]), CAST(:subjects AS text[]), CAST(:order_ids AS bigint[]), CAST(:messages AS text[]),
        CAST(:evidence AS text[]), CAST(:values_at_risk AS numeric[]), CAST(:currencies AS text[])
    ) AS i (code, subject, order_id, message, evidence, value_at_risk, currency)
), held AS (
    SELECT f.finding_id, f.message AS old_message, i.*
    FROM incoming i
    JOIN finding f ON f.store = :store AND f.code = i.code AND f.subject = i.subject AND f.state = 'open'
    ORDER BY f.finding_id
    FOR UPDATE OF f
), refreshed AS (
    UPDATE finding f
    SET occurrences = f.occurrences + 1, last_seen_at = :now, order_id = held.order_id, message = held.message,
        evidence = CAST(held.evidence AS jsonb), value_at_risk = held.value_at_risk, currency = held.currency
    FROM held
    WHERE f.finding_id = held.finding_id
    RETURNING f.finding_id, held.old_message <> held.message AS is_changed, held.old_message
), noted AS (
    INSERT INTO finding_event (store, finding_id, at, event, actor, note)
    SELECT :store, finding_id, :now, 'changed', :actor, 'before: ' || old_message FROM refreshed WHERE is_changed
)
SELECT count(*) FILTER (WHERE NOT is_changed) AS repeated, count(*) FILTER (WHERE is_changed) AS changed
FROM refreshed;

-- name: repeat_closed
-- Which were closed by a person, and still say the same? They are counted and stay closed.
WITH incoming AS (
    SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:subjects AS text[]), CAST(:messages AS text[]))
        AS i (code, subject, message)
), latest AS (
    SELECT DISTINCT ON (f.code, f.subject) f.finding_id, f.state, f.message = i.message AS is_same
    FROM incoming i
    JOIN finding f ON f.store = :store AND f.code = i.code AND f.subject = i.subject
    ORDER BY f.code, f.subject, f.finding_id DESC
)
UPDATE finding f
SET occurrences = f.occurrences + 1, last_seen_at = :now
FROM latest
WHERE f.finding_id = latest.finding_id AND latest.state = 'closed' AND latest.is_same AND f.state = 'closed'
RETURNING f.code, f.subject;

-- name: open_new
-- Open what is neither open nor closed with the same words; name the row that it comes back from.
WITH incoming AS (
    SELECT * FROM unnest(
        CAST(:codes AS text[]), CAST(:subjects AS text[]), CAST(:order_ids AS bigint[]), CAST(:messages AS text[]),
        CAST(:evidence AS text[]), CAST(:values_at_risk AS numeric[]), CAST(:currencies AS text[])
    ) AS i (code, subject, order_id, message, evidence, value_at_risk, currency)
), before AS (
    SELECT i.code, i.subject, max(f.finding_id) AS finding_id
    FROM incoming i JOIN finding f ON f.store = :store AND f.code = i.code AND f.subject = i.subject
    GROUP BY i.code, i.subject
), opened AS (
    INSERT INTO finding (store, scope, code, subject, order_id, message, evidence, value_at_risk, currency,
                         first_seen_at, last_seen_at)
    SELECT :store, :scope, code, subject, order_id, message, CAST(evidence AS jsonb), value_at_risk, currency,
           :now, :now
    FROM incoming
    ON CONFLICT (store, code, subject) WHERE state = 'open' DO NOTHING
    RETURNING finding_id, code, subject
), noted AS (
    INSERT INTO finding_event (store, finding_id, at, event, actor, note)
    SELECT :store, o.finding_id, :now, CASE WHEN b.finding_id IS NULL THEN 'opened' ELSE 'reopened' END, :actor,
           'was finding ' || b.finding_id
    FROM opened o LEFT JOIN before b USING (code, subject)
)
SELECT count(*) FROM opened;

-- name: resolve_gone
-- Which open findings of this decision have lost their cause? Only subjects that were looked at can say so.
WITH seen AS (
    SELECT * FROM unnest(CAST(:codes AS text[]), CAST(:subjects AS text[])) AS s (code, subject)
), resolved AS (
    UPDATE finding f
    SET state = 'resolved', resolved_at = :now
    WHERE f.store = :store AND f.scope = :scope AND f.state = 'open'
      AND (
          CAST(:everything AS boolean)
          OR f.subject IN (SELECT unnest(CAST(:examined AS text[])))
          OR f.order_id IN (SELECT unnest(CAST(:examined_orders AS bigint[]))))
      AND NOT EXISTS (SELECT FROM seen WHERE seen.code = f.code AND seen.subject = f.subject)
    RETURNING f.finding_id
), noted AS (
    INSERT INTO finding_event (store, finding_id, at, event, actor)
    SELECT :store, finding_id, :now, 'resolved', :actor FROM resolved
)
SELECT count(*) FROM resolved;
