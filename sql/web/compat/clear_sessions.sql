create function web.clear_sessions()
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The lock keeps writers out, so that no two of them wait for each other's rows in different orders. Tombstones go
-- too: users of this interface use the same ids again right afterwards. DELETE and not TRUNCATE, which logical
-- replication with a row filter would not limit to the shard.
begin
    lock table web.session in share row exclusive mode;
    delete from web.session;
    perform web.notify_session_end(null, 'revoked');
end;
$function$;

comment on function web.clear_sessions() is
'connect-pg interface: remove every session, ended ones included, so that a save under way may bring its session back. Waits for all writers; in repeatable read it does not see what they committed meanwhile. API: public';
