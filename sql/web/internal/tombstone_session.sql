create function web.tombstone_session(
    p_key bytea,
    p_reason text
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The one place where a live session becomes a tombstone. No indexed column is touched, so that this stays a heap-only
-- update; user_id and handle therefore stay until the row is pruned, all else about the visitor goes.
declare
    v_handle uuid;
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
    where s.key = p_key
        and s.expires_at > statement_timestamp()
    returning s.handle into v_handle;
    if not found then
        return false;
    end if;

    perform web.notify_session_end(v_handle, p_reason);
    return true;
end;
$function$;

comment on function web.tombstone_session(bytea, text) is
'End a live session for this reason; false when there is none. API: private';
