create function web.clear_sessions()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The lock excludes writers, so that no deadlock over rows is possible. Tombstones are deleted too, because callers of this
-- interface use the same ids again. DELETE, because a row filter of logical replication does not apply to TRUNCATE.
begin
    perform web.lock_sessions();
    delete from web.session;
    -- An ended session must not come back after a crash, even if other commits of the connection do not wait for the disk.
    if current_setting('synchronous_commit') = 'off' then
        perform set_config('synchronous_commit', 'on', true);
    end if;
    perform web.notify_session_end(null, 'revoked');
end;
$function$;

comment on function web.clear_sessions() is
'connect-pg interface: delete every session and every tombstone. Waits for writers, 10 seconds at most. API: public';
