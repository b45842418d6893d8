create function web.end_user_session(
    p_user_id text,
    p_handle uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- "Log out this device". The user is asked for besides the handle, so that no user can end the session of another.
declare
    v_key bytea;
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    select s.key
    into v_key
    from web.session as s
    where s.handle = p_handle
        and s.user_id = p_user_id
        and s.expires_at > statement_timestamp()
    for no key update;
    return coalesce(web.tombstone_session(v_key, 'revoked'), false);
end;
$function$;

comment on function web.end_user_session(text, uuid) is
'End one session of a user by its handle. True when a live session was ended. API: public';
