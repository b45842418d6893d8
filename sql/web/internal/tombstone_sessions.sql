create function web.tombstone_sessions(
    p_handles uuid[],
    p_reason text,
    p_is_announced boolean default true
)
returns bigint
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- The user stays for logs until the row is pruned; all other data of the visitor is erased.
declare
    v_handles uuid[];
    v_handle uuid;
    v_ended bigint;
    v_is_announced boolean;
begin
    -- The number of handles is hidden from the planner, which would otherwise plan each call anew.
    with ended as (
        update web.session as s
        set
            expires_at = '-infinity',
            slide_at = '-infinity',
            version = s.version + 1,
            prune_after = least(
                s.prune_after,
                statement_timestamp() + (select make_interval(secs => n.tombstone_retention_seconds) from web.settings as n)
            ),
            ended_at = statement_timestamp(),
            ended_reason = p_reason,
            client_address = null,
            user_agent = null,
            label = null,
            data = null
        where s.handle = any (array(select unnest(p_handles)))
            and s.expires_at > statement_timestamp()
        returning s.handle
    )
    select array_agg(e.handle), count(*), p_is_announced and exists (select from web.settings as n where n.notify_channel is not null)
    into v_handles, v_ended, v_is_announced
    from ended as e;

    if v_is_announced and v_ended > 0 then
        foreach v_handle in array v_handles loop
            perform web.notify_session_end(v_handle, p_reason);
        end loop;
    end if;
    return v_ended;
end;
$function$;

comment on function web.tombstone_sessions(uuid[], text, boolean) is
'Turn the live sessions with these handles into tombstones, announce each if p_is_announced, and return their number. API: private';
