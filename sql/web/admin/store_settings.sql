create function web.store_settings()
returns table (
    name text,
    type text,
    required boolean,
    default_value text,
    rules text,
    meaning text,
    value text
)
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
as $function$
-- The catalog is the only source: the name, type, default, constraints and comment of each column.
#variable_conflict use_column
begin
    return query
    select
        a.attname::text,
        format_type(a.atttypid, a.atttypmod),
        a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid),
        (
            select string_agg(pg_get_expr(c.conbin, c.conrelid, true), ' AND ' order by c.conname)
            from pg_constraint as c
            where c.conrelid = a.attrelid
                and c.contype = 'c'
                and a.attnum = any (c.conkey)
        ),
        col_description(a.attrelid, a.attnum),
        to_jsonb(s) ->> a.attname::text
    from web.settings as s
    join pg_attribute as a on a.attrelid = s.tableoid
    left join pg_attrdef as d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0
        and not a.attisdropped
        and a.attname not in ('only_row', 'lock_seed')
    order by a.attnum;
    if not found then
        perform web.raise_missing_settings();
    end if;
end;
$function$;

comment on function web.store_settings() is
'Return one row for each setting of the store: its type, default, rules, meaning and value. API: private';
