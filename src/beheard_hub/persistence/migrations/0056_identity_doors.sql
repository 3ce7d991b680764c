-- Contacts are taken away by whose they are; and whoever was merged is followed to where the rows
-- went, whatever crashes meanwhile (spec 08).
--
-- Definer functions (docs/walls.md):
--   hub.became()   whom the actor was merged with as a guest, and the practices that came along
SET LOCAL ROLE beheard_owner;

-- ---- contacts -----------------------------------------------------------------------------------
DO $$
BEGIN
  EXECUTE format('CREATE OR REPLACE FUNCTION hub.writable() RETURNS jsonb IMMUTABLE LANGUAGE sql'
    ' RETURN %L::jsonb', jsonb_set(hub.writable(), '{ContactMethod,ops}', '"iud"'));
END
$$;
GRANT DELETE ON "ContactMethod" TO beheard_writer;
CREATE POLICY fence_delete ON "ContactMethod" AS RESTRICTIVE FOR DELETE TO beheard_writer
  USING ((select hub.lease_holds()));
CREATE POLICY write_delete ON "ContactMethod" FOR DELETE TO beheard_writer
  USING ("userId" = ANY ((select hub.writers())::text[]));
SELECT hub.make_puts();
SELECT hub.make_put();

-- ---- users, as administrators list them -----------------------------------------------------------
CREATE INDEX "User_createdAt_idx" ON "User" ("createdAt", id);

-- ---- who was merged -------------------------------------------------------------------------------
-- Hosts may hold the guest's practices in memory, gateways the guest's sockets. They are told at once;
-- where that is lost, with a host or a line, the reminder tells the host of each open practice.
ALTER TABLE hub."MergedGuest" ADD COLUMN sessions text[] NOT NULL DEFAULT '{}';
CREATE POLICY follow ON hub."Reminder" FOR INSERT TO beheard_owner
  WITH CHECK (kind = 'practice_follow' AND "userId" = current_setting('app.merged_into', true));

CREATE OR REPLACE FUNCTION hub.merge_guest(guest text, into_user text) RETURNS void
  VOLATILE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE
  r record;
  moved text[];
BEGIN
  moved := ARRAY(SELECT c.id::text FROM practice."ConversationSession" c
    WHERE c."userId" = guest ORDER BY c.id);
  FOR r IN SELECT * FROM hub.merge_rules() m WHERE m.rule = 'moves' LOOP
    EXECUTE format('UPDATE %1$s SET %2$I = $2 WHERE %2$I = $1', r."table", r."column")
      USING guest, into_user;
  END LOOP;
  UPDATE public."ContactMethod" t SET "userId" = into_user, "primary" = false
    WHERE t."userId" = guest AND NOT EXISTS (SELECT FROM public."ContactMethod" o
      WHERE o."userId" = into_user AND o.type = t.type AND lower(o.value) = lower(t.value));
  UPDATE hub."CommandReceipt" t SET "userId" = into_user
    WHERE t."userId" = guest AND NOT EXISTS (SELECT FROM hub."CommandReceipt" o
      WHERE o."userId" = into_user AND o."sessionId" = t."sessionId"
        AND o."commandId" = t."commandId");
  -- where a session is open, one of its timers says in which shard
  INSERT INTO hub."Reminder" (id, "sessionId", "userId", shard, kind, "dueAt", payload)
    SELECT DISTINCT ON (t."sessionId") gen_random_uuid()::text, t."sessionId", into_user, t.shard,
        'practice_follow', now(), jsonb_build_object('guestId', guest)
      FROM hub."Reminder" t
      WHERE t."userId" = guest AND t."firedAt" IS NULL AND t."sessionId" = ANY (moved);
  UPDATE hub."Reminder" t SET "userId" = into_user
    WHERE t."userId" = guest AND t."sessionId" IS NOT NULL;
  INSERT INTO hub."MergedGuest" ("guestId", "userId", sessions) VALUES (guest, into_user, moved);
  DELETE FROM public."User" t WHERE t.id = guest;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'only a guest is merged' USING ERRCODE = 'BH007';
  END IF;
END
$$;

-- The actor may be told again: the answer to a merge can be lost.
CREATE FUNCTION hub.became() RETURNS TABLE ("userId" text, sessions text[])
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT m."userId", m.sessions FROM hub."MergedGuest" m
      WHERE m."guestId" = hub.actor_id();
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.became() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.became() TO beheard_app;

RESET ROLE;
