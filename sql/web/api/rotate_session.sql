create function web.rotate_session(
    p_old_key bytea,
    p_new_key bytea,
    p_grace_seconds integer default 0
)
returns table (
    outcome text,
    version bigint,
    expires_at timestamptz,
    server_time timestamptz
)
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- A new id for the same session, in one round trip. The grace is for the other requests of the same page, which still
-- carry the old id; longer than a minute it would be an invitation to whoever has stolen it.
#variable_conflict use_column
declare
    v_outcome constant text := web.change_session_key(p_old_key, p_new_key, p_grace_seconds);
begin
    if v_outcome in ('gone', 'exists') then
        return query select v_outcome, null::bigint, null::timestamptz, statement_timestamp();
        return;
    end if;
    return query
    select 'rotated'::text, s.version, s.expires_at, statement_timestamp()
    from web.session as s
    where s.key = p_new_key;
end;
$function$;

comment on function web.rotate_session(bytea, bytea, integer) is
'Give a session a new key and keep all else, the absolute timeout too. Always one row: outcome rotated, also when it was done before; gone when there is no live session; exists when the new key is in use (nothing was changed, the other columns are null). For p_grace_seconds, 60 at most, the old key still loads, but neither saves nor slides; to end the session it works too, for settings.tombstone_retention_seconds at least. API: public';
