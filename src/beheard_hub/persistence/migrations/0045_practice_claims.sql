-- An invitation that was taken back or has expired (spec 08: checked on every use) is claimed by
-- nobody, whatever a host believes; the database's clock decides. Who has claimed it before is still
-- charged for what was under way, and its inviter may still take it back.
SET LOCAL ROLE beheard_owner;

GRANT SELECT ("revokedAt", "expiresAt") ON practice."Invitation" TO beheard_writer;
ALTER POLICY write_update ON practice."Invitation"
  USING (("linkedUserId" IS NULL AND "revokedAt" IS NULL AND "expiresAt" > now())
    OR "linkedUserId" = ANY ((select hub.writers())::text[])
    OR "createdById" = ANY ((select hub.writers())::text[]) OR (select hub.admin_writes()));
-- Nor does a session begin with it. That it was claimed by somebody else the unique constraint says.
CREATE POLICY open_invitation ON practice."ConversationSession" AS RESTRICTIVE FOR INSERT
  TO beheard_writer WITH CHECK ("invitationId" IS NULL OR EXISTS (
    SELECT FROM practice."Invitation" i WHERE i.id = "ConversationSession"."invitationId"
      AND i."revokedAt" IS NULL AND i."expiresAt" > now()));

RESET ROLE;
