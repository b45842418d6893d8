create function web.notify_channel()
returns text
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (select s.notify_channel from web.settings as s);
end;
$function$;

comment on function web.notify_channel() is
'The channel to LISTEN on for sessions that end; null when that is off. The payload is JSON: handle (null: every session) and reason (logout, revoked, expired, evicted, or rotated: it goes on under a new id after a log-in). API: public';
