-- pg_temp.expected_objects(): what an install makes, as a query, a line at a time. Included after comparison.sql by
-- bin/lib/schema-snapshot, which writes sql/install/expected_objects.sql, and by pgtap/install/schema_snapshot.sql.
--
-- Left out is what correct_web() knows at run time: bodies and comments of functions, and what differs between servers.

-- It installs a store whose names occur nowhere else and need quotes, and removes it again.
create function pg_temp.expected_objects()
returns setof text
language plpgsql
as $function$
declare
    v_schema constant text := 'connect-pg schema';
    v_role constant text := 'connect-pg role';
    v_catalog jsonb;
begin
    begin
        perform public.correct_web(v_schema, v_role);
        v_catalog := pg_temp.compared(v_schema, v_role, 'v_catalog_before');
        raise exception using errcode = 'UNDO0';
    exception
        when sqlstate 'UNDO0' then
            null;
    end;

    return next '-- What an install makes, with places for the names. Written by: bin/with-pg bin/lib/schema-snapshot';
    return next 'values';
    return query
    with named as (
        select
            split_part(e.key, ' ', 1) as kind,
            substr(e.key, strpos(e.key, ' ') + 1) as object,
            x.key as attribute,
            x.value
        from jsonb_each(v_catalog) as e
        left join jsonb_each_text(e.value) as x
            on x.key <> 'privileges of the owner'
            and not (e.key like 'function %' and x.key in ('body', 'comment'))
    ),
    -- The percent signs first: format() puts the names in place. Then the longer names before those that they contain.
    with_places as (
        select n.kind, p.object, n.attribute, p.value
        from named as n
        cross join lateral (
            select
                replace(replace(replace(replace(replace(n.object, '%', '%%'), quote_ident(v_schema), '%2$s'), v_schema, '%1$s'), v_role || '_owner', '%4$s'), v_role, '%3$s'),
                replace(replace(replace(replace(replace(n.value, '%', '%%'), quote_ident(v_schema), '%2$s'), v_schema, '%1$s'), v_role || '_owner', '%4$s'), v_role, '%3$s')
        ) as p (object, value)
        where not (n.kind = 'privilege' and n.object like '% on database %')
    ),
    line as (
        select
            row_number() over (order by w.kind collate "C", w.object collate "C") as position,
            count(*) over () as lines,
            format(
                '(%L, %L, %L)',
                w.kind,
                w.object,
                '{' || coalesce(
                    string_agg(to_json(w.attribute) || ': ' || coalesce(to_json(w.value)::text, 'null'), ', ' order by w.attribute collate "C") filter (where w.attribute is not null),
                    ''
                ) || '}'
            ) as text
        from with_places as w
        group by w.kind, w.object
    )
    select l.text || case when l.position < l.lines then ',' else '' end
    from line as l
    order by l.position;
end;
$function$;
