create function web.end_user_session(
    p_user_id text,
    p_handle uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
set debug_print_plan = off
as $function$
-- "Log out this device". The user id must match, so that no user can end the session of another user.
begin
    if current_setting('transaction_isolation') = 'serializable' then
        perform web.raise_serializable();
    end if;
    return web.tombstone_sessions(
        array(
            select s.handle
            from web.session as s
            where s.handle = p_handle
                and s.user_id = p_user_id collate "default"
                and s.expires_at > statement_timestamp()
            for no key update
        ),
        'revoked'
    ) > 0;
end;
$function$;

comment on function web.end_user_session(text, uuid) is
'End one session of a user by its handle. Returns false when the user has no live session with that handle. API: public';
