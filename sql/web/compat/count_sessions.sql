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
'connect-pg interface: how many sessions are live. Reads the whole table: for a person or a metric once a minute, not for a request. API: public';
