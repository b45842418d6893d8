create function web.check_key(
    p_key bytea
)
returns void
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- Not immutable: the planner would call it in advance, and refuse every key.
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_key) is distinct from 32 then
        raise exception using
            errcode = 'invalid_parameter_value',
            message = 'a session key has 32 bytes',
            hint = 'Pass sha256 of the session id, as bytea.';
    end if;
end;
$function$;

comment on function web.check_key(bytea) is
'Raise 25000 in a serializable transaction, 22023 when a session key does not have 32 bytes. API: private';
