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
-- The grace is for other requests of the same page, which still carry the old id. Longer than a minute, it would help a
-- thief of the old id.
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
'Give a session a new key, and let the old key load it for p_grace_seconds. Returns one row with the outcome rotated, gone or exists. API: public';
