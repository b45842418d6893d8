create function web.enforce_session_limit(
    p_user_id text,
    p_max_sessions integer
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The caller holds lock_user, so that the count stays correct. Locked sessions are skipped, because their transaction may
-- wait for that lock.
declare
    v_max_sessions integer;
    v_reject_over_limit boolean;
    v_excess bigint;
begin
    select coalesce(p_max_sessions, s.max_sessions_per_user), s.reject_over_limit
    into v_max_sessions, v_reject_over_limit
    from web.settings as s;
    if not found then
        perform web.raise_missing_settings();
    end if;
    if v_max_sessions = 0 then
        return true;
    end if;

    select count(*) + 1 - v_max_sessions
    into v_excess
    from web.session as s
    where s.user_id = p_user_id collate "default"
        and s.expires_at > statement_timestamp();
    if v_excess <= 0 then
        return true;
    end if;
    if v_reject_over_limit then
        return false;
    end if;

    perform web.tombstone_session(v.handle, 'evicted')
    from (
        select s.handle
        from web.session as s
        where s.user_id = p_user_id collate "default"
            and s.expires_at > statement_timestamp()
        order by s.last_used_at, s.created_at
        limit v_excess
        for no key update skip locked
    ) as v;
    return true;
end;
$function$;

comment on function web.enforce_session_limit(text, integer) is
'Evict the least recently used sessions of a user, so that one more is within the limit. Returns false when the settings reject the new session instead. API: private';
