-- Facts of the sessions $1 (text[]), with callers $2 (jsonb {sessionId: [userId]}); see 0010_load.sql.
SELECT "sessionId", facts, names, seqs, receipts FROM hub.load_sessions($1, $2)
