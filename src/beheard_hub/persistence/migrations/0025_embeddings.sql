-- Vectors follow their texts (spec 3.7, 4.2): who has none yet, who may write one, and when one goes.
--
-- "embeddingModel" beside a vector says:  NULL  there is none yet, somebody will make it
--                                         ''    there is nothing to make one of
--                                         else  the model that made it
-- `beheard_ops` finds rows by key columns and writes the two columns; it reads neither text nor
-- vector. A vector is of one version of its row ("updatedAt"): an update that names another one
-- finds nothing, and a text that changes loses its vector in the same statement.
SET LOCAL ROLE beheard_owner;

-- ---- the part of a vector that is not padding ---------------------------------------------------
-- A vector of 1,536 numbers lies outside its row and is fetched in four pieces. What a small model
-- makes fits into the row, so the search of a vessel, which reads all of it, is several times as
-- fast; the cosine is the same. NULL where a model's own vectors are long. Written with the vector.
ALTER TABLE "UserEvent" ADD COLUMN "embeddingShort" vector;
ALTER TABLE "EmotionalReading" ADD COLUMN "embeddingShort" vector;
ALTER TABLE "IdentifiedNeed" ADD COLUMN "embeddingShort" vector;
GRANT INSERT ("embeddingShort") ON "UserEvent", "EmotionalReading", "IdentifiedNeed"
  TO beheard_writer;

-- Cosine distance of a row's vector from one of the same model.
CREATE FUNCTION hub.distance(short vector, embedding vector, asked vector)
  RETURNS double precision IMMUTABLE LANGUAGE sql
  RETURN CASE WHEN short IS NULL THEN embedding <=> asked
    ELSE short <=> subvector(asked, 1, vector_dims(short)) END;
GRANT EXECUTE ON FUNCTION hub.distance(vector, vector, vector) TO beheard_app;

-- ---- a text that goes takes its vector along ----------------------------------------------------
CREATE FUNCTION hub.forget_vector() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.embedding := NULL;
  NEW."embeddingModel" := TG_ARGV[0];
  RETURN NEW;
END
$$;

CREATE FUNCTION hub.forget_both_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.embedding := NULL;
  NEW."embeddingShort" := NULL;
  NEW."embeddingModel" := TG_ARGV[0];
  RETURN NEW;
END
$$;

CREATE TRIGGER forget_vector BEFORE UPDATE OF content ON "Message" FOR EACH ROW
  WHEN (OLD.content IS DISTINCT FROM NEW.content) EXECUTE FUNCTION hub.forget_vector();
CREATE TRIGGER forget_vector BEFORE UPDATE OF description ON "UserEvent" FOR EACH ROW
  WHEN (OLD.description IS DISTINCT FROM NEW.description)
  EXECUTE FUNCTION hub.forget_both_vectors();
CREATE TRIGGER forget_vector BEFORE UPDATE OF context ON "EmotionalReading" FOR EACH ROW
  WHEN (OLD.context IS DISTINCT FROM NEW.context AND NEW.context IS NOT NULL)
  EXECUTE FUNCTION hub.forget_both_vectors();
CREATE TRIGGER nothing_to_embed BEFORE INSERT OR UPDATE OF context ON "EmotionalReading"
  FOR EACH ROW WHEN (NEW.context IS NULL) EXECUTE FUNCTION hub.forget_both_vectors('');
CREATE TRIGGER forget_vector BEFORE UPDATE OF need, description ON "IdentifiedNeed" FOR EACH ROW
  WHEN ((OLD.need, OLD.description) IS DISTINCT FROM (NEW.need, NEW.description))
  EXECUTE FUNCTION hub.forget_both_vectors();
-- What was taken back has no vector either; hub.take_back() comes by here too.
CREATE TRIGGER forget_vector BEFORE UPDATE OF "transformedContent", "consentActive"
  ON "ConsentedContent" FOR EACH ROW
  WHEN (OLD."transformedContent" IS DISTINCT FROM NEW."transformedContent"
    OR NOT NEW."consentActive")
  EXECUTE FUNCTION hub.forget_vector();
CREATE TRIGGER forget_vector BEFORE UPDATE OF title, description, category, source
  ON "GlobalLibraryItem" FOR EACH ROW
  WHEN ((OLD.title, OLD.description, OLD.category, OLD.source)
    IS DISTINCT FROM (NEW.title, NEW.description, NEW.category, NEW.source))
  EXECUTE FUNCTION hub.forget_vector();

UPDATE "EmotionalReading" SET "embeddingModel" = '' WHERE context IS NULL;

-- ---- which rows have none -----------------------------------------------------------------------
-- Each index holds the backlog and nothing else.
CREATE INDEX "Message_unembedded_idx" ON "Message" (id) WHERE "embeddingModel" IS NULL;
CREATE INDEX "UserEvent_unembedded_idx" ON "UserEvent" (id) WHERE "embeddingModel" IS NULL;
CREATE INDEX "EmotionalReading_unembedded_idx" ON "EmotionalReading" (id)
  WHERE "embeddingModel" IS NULL;
CREATE INDEX "IdentifiedNeed_unembedded_idx" ON "IdentifiedNeed" (id)
  WHERE "embeddingModel" IS NULL;
CREATE INDEX "ConsentedContent_unembedded_idx" ON "ConsentedContent" (id)
  WHERE "embeddingModel" IS NULL AND "consentActive";

-- Everything that can have a vector, by its keys. "userId" NULL: it belongs to nobody.
CREATE VIEW hub."Embeddable" WITH (security_invoker = true) AS
  SELECT 'Message' AS kind, m.id, m."forUserId" AS "userId", m."sessionId", m."embeddingModel"
    FROM public."Message" m
  UNION ALL
  SELECT 'UserEvent', e.id, v."userId", v."sessionId", e."embeddingModel"
    FROM public."UserEvent" e JOIN public."UserVessel" v ON v.id = e."vesselId"
  UNION ALL
  SELECT 'EmotionalReading', r.id, v."userId", v."sessionId", r."embeddingModel"
    FROM public."EmotionalReading" r JOIN public."UserVessel" v ON v.id = r."vesselId"
  UNION ALL
  SELECT 'IdentifiedNeed', n.id, v."userId", v."sessionId", n."embeddingModel"
    FROM public."IdentifiedNeed" n JOIN public."UserVessel" v ON v.id = n."vesselId"
  UNION ALL
  SELECT 'ConsentedContent', c.id, c."sourceUserId", s."sessionId", c."embeddingModel"
    FROM public."ConsentedContent" c JOIN public."SharedVessel" s ON s.id = c."sharedVesselId"
    WHERE c."consentActive"
  UNION ALL
  SELECT 'GlobalLibraryItem', l.id, NULL, NULL, l."embeddingModel"
    FROM public."GlobalLibraryItem" l WHERE l."isActive";
GRANT SELECT ON hub."Embeddable" TO beheard_ops;

GRANT SELECT (id, "sessionId") ON "SharedVessel" TO beheard_ops;
CREATE POLICY operations ON "SharedVessel" FOR SELECT TO beheard_ops USING (true);

DO $$
DECLARE
  t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['Message', 'UserEvent', 'EmotionalReading', 'IdentifiedNeed',
    'ConsentedContent', 'GlobalLibraryItem']
  LOOP
    EXECUTE format('GRANT SELECT ("updatedAt"), UPDATE (embedding, "embeddingModel")'
      ' ON %I TO beheard_ops', t);
    EXECUTE format('CREATE POLICY vectors ON %I FOR UPDATE TO beheard_ops USING (%s)', t,
      CASE t WHEN 'ConsentedContent' THEN '"consentActive"'
        WHEN 'GlobalLibraryItem' THEN '"isActive"' ELSE 'true' END);
  END LOOP;
END
$$;

GRANT UPDATE ("embeddingShort") ON "UserEvent", "EmotionalReading", "IdentifiedNeed"
  TO beheard_ops;

-- ---- their texts --------------------------------------------------------------------------------
-- wanted = [{id, userId, sessionId}], each read as the facilitator of its owner in that session (with
-- the caller's rights, like hub.load_sessions), or as somebody where it belongs to nobody.
-- What that reader does not see is not answered.
CREATE FUNCTION hub.texts_to_embed(wanted jsonb)
  RETURNS TABLE (kind text, id text, version timestamptz, text text)
  VOLATILE LANGUAGE plpgsql AS $$
DECLARE
  reader record;
BEGIN
  FOR reader IN
    SELECT w."userId", w."sessionId", array_agg(w.id) AS ids
    FROM jsonb_to_recordset(wanted) AS w (id text, "userId" text, "sessionId" text)
    GROUP BY w."userId", w."sessionId"
  LOOP
    PERFORM set_config('app.actor_id', coalesce(reader."userId", 'library'), true),
      set_config('app.actor_role', CASE WHEN reader."userId" IS NULL THEN 'user' ELSE 'ai' END,
        true),
      set_config('app.current_session_id', coalesce(reader."sessionId", ''), true),
      set_config('app.current_stage', '4', true);
    IF reader."userId" IS NULL THEN
      -- Of what somebody gave to the library only the anonymised description counts (spec 3.5).
      RETURN QUERY SELECT 'GlobalLibraryItem', l.id, l."updatedAt",
          CASE l.source WHEN 'CONTRIBUTED' THEN l.description
          ELSE format('%s. %s (%s)', l.title, l.description, l.category) END
        FROM public."GlobalLibraryItem" l WHERE l.id = ANY (reader.ids);
      CONTINUE;
    END IF;
    RETURN QUERY
      SELECT 'Message', m.id, m."updatedAt", m.content FROM public."Message" m
        WHERE m.id = ANY (reader.ids)
      UNION ALL
      SELECT 'UserEvent', e.id, e."updatedAt", e.description FROM public."UserEvent" e
        WHERE e.id = ANY (reader.ids)
      UNION ALL
      SELECT 'EmotionalReading', r.id, r."updatedAt", r.context
        FROM public."EmotionalReading" r WHERE r.id = ANY (reader.ids)
      UNION ALL
      SELECT 'IdentifiedNeed', n.id, n."updatedAt", format('%s: %s', n.need, n.description)
        FROM public."IdentifiedNeed" n WHERE n.id = ANY (reader.ids)
      UNION ALL
      SELECT 'ConsentedContent', c.id, c."updatedAt", c."transformedContent"
        FROM public."ConsentedContent" c WHERE c.id = ANY (reader.ids);
  END LOOP;
END
$$;
GRANT EXECUTE ON FUNCTION hub.texts_to_embed(jsonb) TO beheard_app;

SELECT hub.make_puts();
SELECT hub.make_put();

RESET ROLE;
