-- A connection of a guest who was merged, that asks for nothing and listens to no practice, follows
-- too where the word was lost: hosts ask about whoever is connected, several times a minute.
--
-- Definer functions (docs/walls.md):
--   hub.became_of(users)   who of them was merged as a guest, with whom, and the practices that came
--                          along: ids only, for hosts
SET LOCAL ROLE beheard_owner;

CREATE FUNCTION hub.became_of(users text[])
  RETURNS TABLE ("guestId" text, "userId" text, sessions text[])
  STABLE SECURITY DEFINER LANGUAGE sql SET search_path = '' AS $$
  SELECT m."guestId", m."userId", m.sessions FROM hub."MergedGuest" m
    WHERE m."guestId" = ANY (users)
$$;
REVOKE EXECUTE ON FUNCTION hub.became_of(text[]) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.became_of(text[]) TO beheard_ops;

RESET ROLE;
