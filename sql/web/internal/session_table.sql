create function web.session_table()
returns regclass
language sql
stable
as $function$
-- By its row type, because a name in a text would have to be quoted for every schema.
select t.typrelid::pg_catalog.regclass
from pg_catalog.pg_type as t
where t.oid operator(pg_catalog.=) pg_catalog.pg_typeof(null::web.session)
$function$;

comment on function web.session_table() is
'Return the table of the sessions. API: private';
