create function web.tombstone_session(
    p_handle uuid,
    p_reason text
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- No indexed column changes, so that the update is heap-only. So user_id and handle stay until the row is pruned; all other
-- data of the visitor is erased.
begin
    update web.session as s
    set
        expires_at = '-infinity',
        slide_at = '-infinity',
        version = s.version + 1,
        ended_at = statement_timestamp(),
        ended_reason = p_reason,
        client_address = null,
        user_agent = null,
        label = null,
        data = null
    where s.handle = p_handle
        and s.expires_at > statement_timestamp();
    if not found then
        return false;
    end if;

    perform web.notify_session_end(p_handle, p_reason);
    return true;
end;
$function$;

comment on function web.tombstone_session(uuid, text) is
'Turn a live session into a tombstone with this reason, and announce it. Returns false when no live session has the handle. API: private';
