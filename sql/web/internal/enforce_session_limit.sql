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
    v_excess bigint;
begin
    select count(*) + 1 - p_max_sessions
    into v_excess
    from web.session as s
    where s.user_id = p_user_id collate "default"
        and s.ended_at is null
        and s.expires_at > statement_timestamp();
    if v_excess <= 0 then
        return true;
    end if;
    if (select n.reject_over_limit from web.settings as n) then
        return false;
    end if;

    perform web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.user_id = p_user_id collate "default"
                and s.ended_at is null
                and s.expires_at > statement_timestamp()
            order by s.last_used_at, s.created_at
            limit v_excess
            for no key update skip locked
        ),
        'evicted'
    );
    return true;
end;
$function$;

comment on function web.enforce_session_limit(text, integer) is
'Evict the least recently used sessions of a user, so that one more is within the limit. Returns false when the settings reject the new session instead. API: private';
