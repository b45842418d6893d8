create function web.session_table()
returns regclass
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- By its row type, because a name in a text would have to be quoted for every schema.
begin
    return (select t.typrelid::regclass from pg_type as t where t.oid = pg_typeof(null::web.session));
end;
$function$;

comment on function web.session_table() is
'Return the table of the sessions. API: private';
