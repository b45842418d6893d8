create function web.raise_serializable()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- A serializable transaction locks the index page that it has read, and pg_locks shows that page to every role. So a caller
-- could find out keys that it does not know.
begin
    raise exception using
        errcode = 'invalid_transaction_state',
        message = 'sessions cannot be used in a serializable transaction',
        hint = 'Use isolation level read committed or repeatable read, or another connection for sessions.';
end;
$function$;

comment on function web.raise_serializable() is
'Raise 25000: the isolation level is serializable. API: private';
