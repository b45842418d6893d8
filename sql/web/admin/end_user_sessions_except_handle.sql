create function web.end_user_sessions_except_handle(
    p_user_id text,
    p_handle uuid
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Null for a wrong handle, and nothing ends: ending all sessions of the user instead would be another mistake.
begin
    perform web.lock_user(p_user_id);
    if not exists (
        select
        from web.session as s
        where s.handle = p_handle
            and s.user_id = p_user_id collate "default"
            and s.expires_at > statement_timestamp()
    ) then
        return null;
    end if;
    return web.end_sessions_of_user(p_user_id, p_handle);
end;
$function$;

comment on function web.end_user_sessions_except_handle(text, uuid) is
'End the live sessions of a user, except the one with this handle, and return their number. Returns null, and ends none, when the user has no live session with that handle. API: private';
