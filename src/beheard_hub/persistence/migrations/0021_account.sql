-- The inbox, and what an export needs (spec 4.1, 4.5).
SET LOCAL ROLE beheard_owner;

-- A notification is changed on behalf of whose it is (read), or within its session (delivered). A
-- flush that only named the session of somebody's notification could change any of them before.
DROP POLICY write_update ON hub."Notification";
CREATE POLICY write_update ON hub."Notification" FOR UPDATE TO beheard_writer USING (
  "userId" = ANY ((select hub.writers())::text[])
  OR ("sessionId" IS NOT NULL AND (select hub.writing()) ? "sessionId" AND EXISTS (
    SELECT FROM public."UserVessel" v WHERE v."userId" = hub."Notification"."userId"
      AND v."sessionId" = hub."Notification"."sessionId")));

CREATE INDEX "Notification_unread_idx" ON hub."Notification" ("userId", "createdAt", id)
  WHERE "readAt" IS NULL;

-- Definer: nobody but an admin reads the audit log, but an export holds one's own entries. It reads
-- as beheard_owner, hence the policy.
--   hub.own_audit(after, limit)   the actor's own audit entries, by id: ids, words of ours, times
CREATE POLICY look_up ON hub."AuditLog" FOR SELECT TO beheard_owner USING (true);
CREATE FUNCTION hub.own_audit(after text, lim int)
  RETURNS TABLE (id text, "actorRole" text, action text, "sessionId" text, target jsonb,
    outcome text, at timestamptz)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' AS $$
BEGIN
  IF hub.as_user() THEN
    RETURN QUERY SELECT a.id, a."actorRole", a.action, a."sessionId", a.target, a.outcome, a.at
      FROM hub."AuditLog" a
      WHERE a."actorId" = hub.actor_id() AND (after IS NULL OR a.id > after)
      ORDER BY a.id LIMIT lim;
  END IF;
END
$$;
GRANT EXECUTE ON FUNCTION hub.own_audit(text, int) TO beheard_app;

RESET ROLE;
