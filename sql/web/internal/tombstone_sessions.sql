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
-- The caller has locked the rows, if there are several. The user stays for logs until the row is pruned; all other data of the
-- visitor is erased.
declare
    v_prune_after timestamptz;
    v_is_announced boolean;
    v_ended bigint;
    v_handle uuid;
begin
    select statement_timestamp() + make_interval(secs => n.tombstone_retention_seconds), p_is_announced and n.notify_channel is not null
    into v_prune_after, v_is_announced
    from web.settings as n;

    update web.session as s
    set
        expires_at = '-infinity',
        slide_at = '-infinity',
        version = s.version + 1,
        prune_after = least(s.prune_after, v_prune_after),
        ended_at = statement_timestamp(),
        ended_reason = p_reason,
        client_address = null,
        user_agent = null,
        label = null,
        data = null
    -- The subquery hides the number of handles from the planner, which would otherwise plan each call anew.
    where s.handle = any (array(select unnest(p_handles)))
        and s.expires_at > statement_timestamp();
    get diagnostics v_ended = row_count;

    -- An ended session must not come back after a crash, even if other commits of the connection do not wait for the disk.
    if v_ended > 0 and current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    if v_is_announced and v_ended > 0 then
        foreach v_handle in array p_handles loop
            perform web.notify_session_end(v_handle, p_reason);
        end loop;
    end if;
    return v_ended;
end;
$function$;

comment on function web.tombstone_sessions(uuid[], text, boolean) is
'Turn the live sessions with these handles into tombstones, announce each if p_is_announced, and return their number. API: private';
