create function web.lock_user(
    p_user_id text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Whatever creates or ends several sessions of a user takes this lock first, and only then locks rows: so limits hold, a
-- login under way does not survive "log out everywhere", and nobody waits in a circle. Until the end of the transaction.
-- A snapshot of before the wait would not show what the others did: the lock would be of no use, silently.
begin
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'the sessions of a user are counted and ended at the isolation level read committed',
            hint = 'Call it in a transaction of that level, or in none.';
    end if;
    perform pg_advisory_xact_lock(hashtextextended(p_user_id, p.tableoid::bigint)) from web.settings as p;
end;
$function$;

comment on function web.lock_user(text) is
'Wait for the other transactions that create or end sessions of this user. API: private';
