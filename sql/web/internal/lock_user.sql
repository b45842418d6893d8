create function web.lock_user(
    p_user_id text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Functions that add a session of a user, or end several, take this lock before they lock rows: so limits hold, "log out
-- everywhere" ends a login under way, and no deadlock is possible. A snapshot from before the wait would make it useless.
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'sessions of a user can be counted and ended at isolation level read committed only',
            hint = 'Use that isolation level, or no transaction.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_user_id, p.tableoid::bigint)) from web.settings as p;
end;
$function$;

comment on function web.lock_user(text) is
'Wait for other transactions that add or end sessions of this user, and keep the lock until the end of the transaction. API: private';
