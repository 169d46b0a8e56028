-- name: add
-- One row; its place in the chain is given when the transaction commits.
INSERT INTO audit (at, who, action, subject, detail)
VALUES (%(at)s, %(who)s, %(action)s, %(subject)s, %(detail)s)

-- name: chain
-- All rows in the order of the chain, those without a place last.
SELECT audit_id, seq, at, who, action, subject, detail, previous, hash FROM audit ORDER BY seq NULLS LAST, audit_id

-- name: head
-- The last row of the chain.
SELECT seq, hash FROM audit_head

-- name: entries
-- The newest entries: of one subject, of a kind of acts, of one person, within a time, page by page.
SELECT seq, at, who, action, subject, detail, hash
FROM audit
WHERE seq IS NOT NULL
  AND (%(subject)s::text IS NULL OR subject = %(subject)s)
  AND (%(action)s::text IS NULL OR action LIKE %(action)s)
  AND (%(who)s::text IS NULL OR who = %(who)s)
  AND (%(since)s::timestamptz IS NULL OR at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR at < %(until)s)
  AND (%(before)s::bigint IS NULL OR seq < %(before)s)
ORDER BY seq DESC
LIMIT %(limit)s
