create function web.raise_invalid_key()
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Not immutable: the planner would call it in advance, and refuse every key.
begin
    raise exception using
        errcode = 'invalid_parameter_value',
        message = 'a session key has 32 bytes',
        hint = 'Pass sha256 of the session id, as bytea.';
end;
$function$;

comment on function web.raise_invalid_key() is
'Raise 22023: a session key does not have 32 bytes. API: private';
