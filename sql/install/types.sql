-- Row types of the functions of the hot path. A function that returns a table has its row described anew, column by column,
-- at every call; a type is described once: 1 to 3 µs less a call.
for v_declared in
    select d.name, d.columns, d.comment
    from (
        values
        (
            'loaded_session',
            'data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone',
            'What load_session returns. API: public'
        ),
        (
            'saved_session',
            'outcome text, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone',
            'What save_session returns. API: public'
        )
    ) as d (name, columns, comment)
loop
    select
        t.typrelid::regclass as type,
        c.relkind = 'c' as is_row_type,
        (
            select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
            from pg_attribute as a
            where a.attrelid = c.oid
                and not a.attisdropped
        ) as columns
    into v_found
    from pg_type as t
    left join pg_class as c on c.oid = t.typrelid
    where t.typnamespace = v_schema
        and t.typname = v_declared.name;
    if found and v_found.is_row_type is not true then
        raise exception using
            errcode = 'wrong_object_type',
            message = format('%I.%I is not a row type', p_schema, v_declared.name),
            hint = 'Choose another schema, or drop it, and run this again.';
    end if;
    if found and v_found.columns is distinct from v_declared.columns then
        -- The functions that return it are made anew below. What somebody else has made of it stays, and is an error here.
        for v_text in
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace = v_schema
                and pg_get_userbyid(p.proowner) = v_owner
                and p.prorettype = (select c.reltype from pg_class as c where c.oid = v_found.type)
        loop
            execute format('drop function %s', v_text);
        end loop;
        execute format('drop type %s', v_found.type);
    end if;
    v_text := format('%I.%I', p_schema, v_declared.name);
    if to_regtype(v_text) is null then
        execute format('create type %s as (%s)', v_text, v_declared.columns);
    end if;
    if obj_description(to_regtype(v_text), 'pg_type') is distinct from v_declared.comment then
        execute format('comment on type %s is %L', v_text, v_declared.comment);
    end if;
end loop;
