-- As whom a transaction reads (spec 4.2). Only `database.py` runs these.

-- name: act
-- Takes a role and the four locals, for this transaction only. First says whether the connection
-- came clean: as the login role itself and with no local left over.
-- args: role, actor_id, actor_role, session_id, stage
SELECT current_user = session_user
       AND coalesce(current_setting('app.actor_id', true), '') = ''
       AND coalesce(current_setting('app.actor_role', true), '') = ''
       AND coalesce(current_setting('app.current_session_id', true), '') = ''
       AND coalesce(current_setting('app.current_stage', true), '') = '' AS clean,
       set_config('app.actor_id', $2, true),
       set_config('app.actor_role', $3, true),
       set_config('app.current_session_id', $4, true),
       set_config('app.current_stage', $5, true),
       set_config('role', $1, true);

-- name: act_again
-- The same within a transaction that has acted as somebody else: for the rehearsal at start.
-- args: role, actor_id, actor_role, session_id, stage
SELECT set_config('role', 'none', true),
       set_config('app.actor_id', $2, true),
       set_config('app.actor_role', $3, true),
       set_config('app.current_session_id', $4, true),
       set_config('app.current_stage', $5, true),
       set_config('role', $1, true);

-- name: reset
-- What the pool runs on every connection that comes back.
RESET ROLE;
RESET ALL;
