-- Row types for the functions that every request calls. PostgreSQL describes the row of a "returns table" anew at every
-- call, and that of a type once.
declare
    v_declared record;
    v_type text;
    v_existing record;
    v_function regprocedure;
begin
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
                'What save_session, rotate_session, login_session and logout_session return. API: public'
            ),
            (
                'created_session',
                'outcome text, version bigint, expires_at timestamp with time zone, handle uuid, server_time timestamp with time zone',
                'What create_session returns. API: public'
            ),
            (
                'loaded_sessions',
                'key bytea, data text, version bigint, expires_at timestamp with time zone, user_id text, server_time timestamp with time zone',
                'What load_sessions returns for each session. API: public'
            ),
            (
                'saved_sessions',
                'ordinality bigint, version bigint, expires_at timestamp with time zone, server_time timestamp with time zone',
                'What save_sessions returns for each session. API: public'
            )
        ) as d (name, columns, comment)
    loop
        v_type := format('%I.%I', p_schema, v_declared.name);
        select
            t.typrelid::regclass as name,
            c.relkind = 'c' as is_row_type,
            (
                select string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' order by a.attnum)
                from pg_attribute as a
                where a.attrelid = c.oid
                    and not a.attisdropped
            ) as columns
        into v_existing
        from pg_type as t
        left join pg_class as c on c.oid = t.typrelid
        where t.typnamespace = v_schema
            and t.typname = v_declared.name;
        if found and v_existing.is_row_type is not true then
            raise exception using
                errcode = 'wrong_object_type',
                message = format('%s is not a row type', v_type),
                hint = 'Choose another schema, or drop it and run this again.';
        end if;
        if found and v_existing.columns is distinct from v_declared.columns then
            -- The next step creates the functions that return it. Other objects that depend on it are not dropped, but
            -- end this with an error.
            for v_function in
                select p.oid::regprocedure
                from pg_proc as p
                where p.pronamespace = v_schema
                    and pg_get_userbyid(p.proowner) = v_owner
                    and p.prorettype = (select c.reltype from pg_class as c where c.oid = v_existing.name)
            loop
                execute format('drop function %s', v_function);
            end loop;
            execute format('drop type %s', v_type);
        end if;

        if to_regtype(v_type) is null then
            execute format('create type %s as (%s)', v_type, v_declared.columns);
        end if;
        if obj_description(to_regtype(v_type), 'pg_type') is distinct from v_declared.comment then
            execute format('comment on type %s is %L', v_type, v_declared.comment);
        end if;
    end loop;
end;
