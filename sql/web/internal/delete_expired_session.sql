create function web.delete_expired_session(
    p_key bytea
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- Waits for a transaction that uses the row. A session that it has set again is not expired, and stays.
declare
    v_handle uuid;
begin
    delete from web.session as s
    where s.key = p_key
        and s.ended_at is null
        and s.expires_at <= statement_timestamp()
    returning s.handle into v_handle;
    if found then
        perform web.notify_session_end(v_handle, 'expired');
    end if;
end;
$function$;

comment on function web.delete_expired_session(bytea) is
'Delete the session under this key if it has expired, and announce it, as pruning does. API: private';
