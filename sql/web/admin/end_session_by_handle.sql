create function web.end_session_by_handle(
    p_handle uuid
)
returns boolean
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- For support staff, who have a handle but not the user. Applications call end_user_session.
begin
    return web.tombstone_sessions(array[p_handle], 'revoked') > 0;
end;
$function$;

comment on function web.end_session_by_handle(uuid) is
'End one session by its handle, for any user. Returns false when no live session has that handle. API: private';
