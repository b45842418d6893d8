create function web.destroy_session(
    sessid text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- end_session by the id itself.
begin
    if sessid is null then
        return;
    end if;
    perform web.end_session(sha256(convert_to(sessid, 'UTF8')));
end;
$function$;

comment on function web.destroy_session(text) is
'connect-pg interface: end a session for good. Nothing happens when there is none, but that a first save under way does not bring it up. API: public';
