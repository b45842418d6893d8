create function web.count_sessions()
returns integer
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
begin
    return (
        select count(*)::integer
        from web.session as s
        where s.expires_at > statement_timestamp()
    );
end;
$function$;

comment on function web.count_sessions() is
'connect-pg interface: return the number of live sessions. Reads the whole table. API: public';
