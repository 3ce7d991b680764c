-- A vector is made of a row some time after it and says nothing new: "updatedAt" tells when the row
-- last changed for whoever reads it, and stays where it is when the row gets its vector. Else the
-- same library item was answered with another time a moment later, and an export told when the hub
-- had got round to it.
SET LOCAL ROLE beheard_owner;

-- A column that a later migration adds to one of these tables belongs into the trigger's list:
-- test_schema.py says so.
DO $$
DECLARE
  t record;
BEGIN
  FOR t IN
    SELECT a.attrelid::regclass AS name,
      string_agg(format('%I', a.attname), ', ' ORDER BY a.attnum) AS columns
    FROM pg_catalog.pg_attribute a
    WHERE a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
      AND a.attname NOT IN ('embedding', 'embeddingShort', 'embeddingModel')
      AND a.attrelid IN (SELECT e.attrelid FROM pg_catalog.pg_attribute e
        JOIN pg_catalog.pg_trigger g ON g.tgrelid = e.attrelid AND g.tgname = 'touch'
        WHERE e.attname = 'embedding' AND NOT e.attisdropped)
    GROUP BY a.attrelid
  LOOP
    EXECUTE format('DROP TRIGGER touch ON %s', t.name);
    EXECUTE format('CREATE TRIGGER touch BEFORE UPDATE OF %s ON %s FOR EACH ROW'
                   ' EXECUTE FUNCTION hub.touch()', t.columns, t.name);
  END LOOP;
END
$$;

RESET ROLE;
