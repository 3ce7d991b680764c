-- Facts about the user $1 outside any session; see 0010_load.sql.
SELECT "sessionId", facts, names, seqs, receipts FROM hub.load_directory($1)
