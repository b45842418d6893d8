create function web.end_user_sessions(
    p_user_id text,
    p_except_key bytea default null
)
returns integer
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- "Log out everywhere", or everywhere else (OWASP ASVS 5.0, 7.4.3). The lock lets a login that is under way finish first,
-- so that its session ends too.
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    if octet_length(p_except_key) <> 32 then
        perform web.check_key(p_except_key);
    end if;

    perform web.lock_user(p_user_id);
    return web.end_sessions_of_user(p_user_id, web.resolve_key(p_except_key, false));
end;
$function$;

comment on function web.end_user_sessions(text, bytea) is
'End the live sessions of a user, except the one with the key p_except_key, and return their number. API: public';
