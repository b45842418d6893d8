create function web.lock_session(
    p_key bytea,
    p_lock_timeout_milliseconds integer default 5000
)
returns setof web.loaded_session
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- For requests of one visitor that must not run at the same time, for example a payment. The row stays locked until the
-- transaction of the caller ends; saves and ends wait for it, loads do not.
#variable_conflict use_column
declare
    v_lock_timeout constant text := current_setting('lock_timeout');
begin
    if current_setting('transaction_isolation') = 'serializable' or octet_length(p_key) is distinct from 32 then
        perform web.check_key(p_key);
    end if;
    if p_lock_timeout_milliseconds is null or p_lock_timeout_milliseconds < 1 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'the lock timeout is at least one millisecond',
            hint = 'Pass a positive number of milliseconds.';
    end if;

    perform set_config('lock_timeout', p_lock_timeout_milliseconds::text, true);
    return query
    select coalesce(s.data, 'null'), s.version, s.expires_at, s.user_id, statement_timestamp()
    from web.session as s
    where s.key = p_key
        and s.expires_at > statement_timestamp()
    for no key update;
    perform set_config('lock_timeout', v_lock_timeout, true);
end;
$function$;

comment on function web.lock_session(bytea, integer) is
'Load a live session and lock it until the end of the transaction. Raises 55P03 when another transaction holds the lock for longer than the lock timeout. API: public';
