create function web.destroy_session(
    sessid text
)
returns void
language plpgsql
volatile
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    if sessid is null then
        return;
    end if;
    perform web.end_session(sha256(convert_to(sessid, 'UTF8')));
end;
$function$;

comment on function web.destroy_session(text) is
'connect-pg interface: end a session, so that no save brings it back. API: public';
