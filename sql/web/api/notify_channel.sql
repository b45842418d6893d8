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
'Return the channel on which the store announces sessions that end; null when there is none. API: public';
