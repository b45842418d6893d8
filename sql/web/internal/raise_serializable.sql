create function web.raise_serializable()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- A serializable transaction locks the page of the index where it looked, and pg_locks shows every role which page that
-- is: with that, the runtime role could find out keys that it does not know by asking for others.
begin
    raise exception using
        errcode = 'invalid_transaction_state',
        message = 'sessions cannot be used in a serializable transaction',
        hint = 'Use the isolation level read committed or repeatable read; or a connection of its own for sessions.';
end;
$function$;

comment on function web.raise_serializable() is
'Raise 25000: the isolation level is serializable. API: private';
