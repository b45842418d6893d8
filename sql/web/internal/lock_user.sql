create function web.lock_user(
    p_user_id text
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- Callers that add or end sessions of a user take this lock before they lock rows, so limits hold and no deadlock is possible.
-- It is a row that only the owner role can lock. pg_locks shows it to every role, so a secret seed decides which users share
-- it.
declare
    v_has_bound constant boolean := current_setting('lock_timeout') <> '0';
    v_max_sessions integer;
begin
    -- A snapshot from before the wait would not show the sessions that were added meanwhile.
    if current_setting('transaction_isolation') not in ('read committed', 'read uncommitted') then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = 'sessions of a user can be counted and ended at isolation level read committed only',
            hint = 'Use that isolation level, or no transaction.';
    end if;
    -- It cannot add or end a session, and cannot lock a row.
    if current_setting('transaction_read_only') = 'on' then
        return null;
    end if;
    if not v_has_bound then
        perform set_config('lock_timeout', '10s', true);
    end if;
    select (select n.max_sessions_per_user from web.settings as n)
    into v_max_sessions
    from web.user_lock as l
    where l.bucket = (
        select (hashtextextended(p_user_id collate "default", n.lock_seed) & 1023)::integer
        from web.settings as n
    )
    for update;
    -- The row is missing until the next install. Null would evict every session of the user.
    if not found then
        v_max_sessions := (select n.max_sessions_per_user from web.settings as n);
    end if;
    if not v_has_bound then
        perform set_config('lock_timeout', '0', true);
    end if;
    return v_max_sessions;
end;
$function$;

comment on function web.lock_user(text) is
'Wait for other transactions that add or end sessions of this user, and keep the lock until the end of the transaction. Returns max_sessions_per_user of the store. Raises 55P03 after lock_timeout, or 10 seconds without one. API: private';
