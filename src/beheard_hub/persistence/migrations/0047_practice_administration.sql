-- A scenario that has sessions is changed by a new version (0042), which begins as a copy of the old
-- one. Prompts are in no grant of beheard_app, so this is how an administrator's host gets them.
--
-- Definer functions (docs/walls.md):
--   hub.scenario_held(scenario)   admin: that version with its texts, and what there is of its slug
SET LOCAL ROLE beheard_owner;

CREATE FUNCTION hub.scenario_held(scenario int)
  RETURNS TABLE (id int, slug text, version int, name text, description text,
    "partnerPersona" text, "partnerSystemPrompt" text, "coachSystemPrompt" text,
    "partnerModel" text, "coachModel" text, "isActive" boolean, used boolean, newest int,
    "activeId" int)
  STABLE SECURITY DEFINER LANGUAGE plpgsql SET search_path = '' ROWS 1 AS $$
BEGIN
  IF hub.is_role('admin') THEN
    RETURN QUERY SELECT s.id, s.slug, s.version, s.name, s.description, s."partnerPersona",
        s."partnerSystemPrompt", s."coachSystemPrompt", s."partnerModel", s."coachModel",
        s."isActive",
        EXISTS (SELECT FROM practice."ConversationSession" c WHERE c."scenarioId" = s.id),
        (SELECT max(o.version) FROM practice."Scenario" o WHERE o.slug = s.slug),
        (SELECT o.id FROM practice."Scenario" o WHERE o.slug = s.slug AND o."isActive")
      FROM practice."Scenario" s WHERE s.id = scenario;
  END IF;
END
$$;
REVOKE EXECUTE ON FUNCTION hub.scenario_held(int) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION hub.scenario_held(int) TO beheard_app;

RESET ROLE;
