create function web.end_session_by_handle(
    p_handle uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- For support people, who have a handle before them and not the user. Applications call end_user_session.
declare
    v_key bytea;
begin
    select s.key
    into v_key
    from web.session as s
    where s.handle = p_handle
        and s.expires_at > statement_timestamp()
    for no key update;
    return coalesce(web.tombstone_session(v_key, 'revoked'), false);
end;
$function$;

comment on function web.end_session_by_handle(uuid) is
'End one session by its handle, whoever''s it is. True when a live session was ended. Not for the runtime role. API: private';
