-- The outbox. A push is changed only by who holds its lease_token, by a person, or by the lapse of its lease.

-- name: enqueue
-- Queue what is not queued yet; a business key is queued once for ever.
INSERT INTO push (store, kind, business_key, lane, priority, payload, request_hash, cause, due_at,
                  next_attempt_at, created_at)
SELECT :store, kind, business_key, lane, priority, CAST(payload AS jsonb), request_hash, CAST(cause AS jsonb), due_at,
       :now, :now
FROM unnest(
    CAST(:kinds AS text[]), CAST(:business_keys AS text[]), CAST(:lanes AS text[]), CAST(:priorities AS smallint[]),
    CAST(:payloads AS text[]), CAST(:hashes AS text[]), CAST(:causes AS text[]), CAST(:due AS timestamptz[])
) WITH ORDINALITY AS p (kind, business_key, lane, priority, payload, request_hash, cause, due_at, position)
ORDER BY position
ON CONFLICT (store, kind, business_key) DO NOTHING;

-- name: supersede
-- Set aside what a newer push has made pointless. What may be on its way stays: its outcome must be known first.
UPDATE push
SET state = 'superseded', lease_until = NULL
WHERE store = :store AND kind = :kind AND business_key = ANY (CAST(:business_keys AS text[]))
  AND state IN ('pending', 'parked');

-- name: due_mark
-- Is there anything to deliver, and is it the same as last time?
SELECT count(*) AS due, max(push_id) AS newest, sum(lease_token) AS claims
FROM push
WHERE store = :store AND kind = ANY (CAST(:kinds AS text[])) AND state IN ('pending', 'sending', 'ambiguous')
  AND CASE WHEN state = 'sending' THEN lease_until < :now ELSE next_attempt_at <= :now END;

-- name: serialise_claims
-- One claim at a time in a store, so that each sees what the one before has taken. Ends with the transaction.
SELECT pg_advisory_xact_lock(hashtextextended('outbox ' || :store, 0));

-- name: lapse
-- A worker died, or slept, while sending: nobody knows whether the call was made. The new token fences it off.
WITH lapsed AS (
    UPDATE push
    SET state = 'ambiguous', misses = 0, failures = failures + 1, lease_token = lease_token + 1, lease_until = NULL,
        next_attempt_at = CAST(:settled_at AS timestamptz),
        last_error = 'the worker stopped before the outcome was known'
    WHERE store = :store AND state = 'sending' AND lease_until < :now
    RETURNING store, push_id, lease_token - 1 AS old_token
), noted AS (
    UPDATE push_attempt a
    SET finished_at = :now, outcome = 'ambiguous', detail = 'the worker stopped before the outcome was known'
    FROM lapsed l
    WHERE a.store = l.store AND a.push_id = l.push_id AND a.lease_token = l.old_token AND a.outcome IS NULL
)
SELECT count(*) FROM lapsed;

-- name: claim
-- What comes next? First the unknown push that has waited longest to be looked for, for it holds its lane; else the most
-- urgent push that is due, is the oldest open one of its lane, and whose lane has nothing in flight.
-- The scalar sub-queries are index probes; as joins they would be planned over the whole backlog.
WITH to_look_for AS (
    SELECT push_id FROM push
    WHERE store = :store AND state = 'ambiguous' AND next_attempt_at <= :now
      AND kind = ANY (CAST(:kinds AS text[])) AND NOT push_id = ANY (CAST(:skip AS bigint[]))
    ORDER BY next_attempt_at, push_id
    LIMIT 1
    FOR UPDATE SKIP LOCKED
), to_send AS (
    SELECT p.push_id FROM push p
    WHERE NOT EXISTS (SELECT FROM to_look_for)
      AND p.store = :store AND p.state = 'pending' AND p.next_attempt_at <= :now
      AND p.kind = ANY (CAST(:kinds AS text[])) AND NOT p.push_id = ANY (CAST(:skip AS bigint[]))
      AND p.push_id = (
          SELECT older.push_id FROM push older
          WHERE older.store = p.store AND older.lane = p.lane AND older.state IN ('pending', 'sending', 'ambiguous')
          ORDER BY older.push_id LIMIT 1)
      AND (
          SELECT flying.push_id FROM push flying
          WHERE flying.store = p.store AND flying.lane = p.lane AND flying.state IN ('sending', 'ambiguous')
          LIMIT 1) IS NULL
      AND (
          NOT p.kind = ANY (CAST(:blocking_kinds AS text[]))
          OR (
              SELECT parked.push_id FROM push parked
              WHERE parked.store = p.store AND parked.lane = p.lane AND parked.kind = p.kind
                AND parked.state = 'parked' AND parked.push_id < p.push_id
              LIMIT 1) IS NULL)
    ORDER BY p.priority, p.push_id
    LIMIT 1
    FOR UPDATE OF p SKIP LOCKED
), next AS (
    SELECT push_id, FALSE AS is_send FROM to_look_for
    UNION ALL
    SELECT p.push_id, NOT p.kind = ANY (CAST(:adopted_kinds AS text[])) FROM to_send JOIN push p USING (push_id)
), held AS (
    UPDATE push p
    SET state = CASE WHEN next.is_send THEN 'sending' ELSE 'ambiguous' END,
        attempts = p.attempts + CASE WHEN next.is_send THEN 1 ELSE 0 END,
        lease_token = p.lease_token + 1, lease_until = :lease_until, next_attempt_at = :lease_until
    FROM next WHERE p.push_id = next.push_id
    RETURNING p.*, NOT next.is_send AS is_read_back
), noted AS (
    INSERT INTO push_attempt (store, push_id, action, lease_token, request_hash, worker, started_at)
    SELECT store, push_id, CASE WHEN is_read_back THEN 'read_back' ELSE 'send' END, lease_token, request_hash,
           :worker, :now
    FROM held
    RETURNING push_attempt_id
)
SELECT held.*, noted.push_attempt_id FROM held, noted;

-- name: settle
-- Write down what came of a claim, unless the lease has passed on (no row is returned: fenced).
WITH settled AS (
    UPDATE push
    SET state = :state, failures = :failures, misses = :misses, remote_id = COALESCE(:remote_id, remote_id),
        last_error = :last_error, lease_until = NULL,
        next_attempt_at = COALESCE(CAST(:next_attempt_at AS timestamptz), next_attempt_at),
        delivered_at = CASE WHEN :state = 'delivered' THEN CAST(:now AS timestamptz) END
    WHERE push_id = :push_id AND lease_token = :lease_token AND state IN ('sending', 'ambiguous')
    RETURNING push_id
), noted AS (
    UPDATE push_attempt
    SET finished_at = :now, http_status = :http_status, detail = :detail,
        outcome = CASE WHEN EXISTS (SELECT FROM settled) THEN :outcome ELSE 'fenced' END
    WHERE push_attempt_id = :attempt_id
)
SELECT push_id FROM settled;

-- name: note_read_back
-- The look that follows a refusal, within the same lease.
INSERT INTO push_attempt (store, push_id, action, lease_token, request_hash, worker, started_at, finished_at,
                          outcome, http_status, detail)
SELECT store, push_id, 'read_back', :lease_token, request_hash, :worker, :now, :now, :outcome, :http_status,
       :detail
FROM push WHERE push_id = :push_id;

-- name: person_moves
-- A person sends a push again or sets it aside. The new token fences off a read-back that is under way.
UPDATE push
SET state = :state, failures = 0, misses = 0, lease_token = lease_token + 1, lease_until = NULL,
    next_attempt_at = :now, last_error = COALESCE(CAST(:last_error AS text), last_error)
WHERE push_id = :push_id AND state = ANY (CAST(:from_states AS text[]))
RETURNING store, lease_token, request_hash;

-- name: note_person
-- Who did it, and why.
INSERT INTO push_attempt (store, push_id, action, lease_token, request_hash, worker, started_at, finished_at, detail)
VALUES (:store, :push_id, :action, :lease_token, :request_hash, :actor, :now, :now, :detail);

-- name: trouble
-- Which pushes does a person have to know about? A push can be both failing and late.
SELECT v.code, p.kind, p.business_key, p.lane, p.state, p.attempts, p.failures, p.last_error, p.due_at, p.cause,
       p.push_id
FROM push p
CROSS JOIN LATERAL (VALUES
    ('write_unknown', p.state = 'parked' AND (p.misses >= :misses_allowed OR p.remote_id IS NOT NULL)),
    ('push_parked', p.state = 'parked' AND p.misses < :misses_allowed AND p.remote_id IS NULL
                    AND p.kind <> ALL(:told_by_flow)),
    ('push_failing', p.state <> 'parked' AND p.failures >= :alert_after_failures),
    ('sla_missed', COALESCE(p.due_at < :now, FALSE))
) AS v (code, applies)
WHERE p.store = :store AND p.state IN ('pending', 'sending', 'ambiguous', 'parked') AND v.applies
ORDER BY p.push_id;
