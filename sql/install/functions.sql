-- "create or replace" keeps grants, and takes no lock that a caller would wait for.
declare
    v_routine regprocedure;
    v_function record;
    v_statement text;
begin
    -- A procedure or an aggregate of one of the names cannot be replaced by a function.
    for v_routine in
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace = v_schema
            and p.prokind <> 'f'
            and p.proname = any (v_function_names)
    loop
        execute format('drop routine %s', v_routine);
    end loop;

    for v_function in
        select
            replace(v_functions[i][3], 'web.', v_prefix) as declaration,
            replace(v_functions[i][4], 'web.', v_prefix) as body,
            replace(v_functions[i][5], 'web.', v_prefix) as signature,
            v_functions[i][6] as comment
        from generate_subscripts(v_functions, 1) as i
        order by i
    loop
        v_statement := format('%s as %L', v_function.declaration, v_function.body);
        begin
            execute v_statement;
        exception
            -- Other result columns or parameter names cannot be replaced.
            when invalid_function_definition then
                execute format('drop function %s', v_function.signature);
                execute v_statement;
        end;
        execute format('comment on function %s is %L', v_function.signature, v_function.comment);
    end loop;

    -- Other routines of the owner role are another release's, or planted. An overload of a function must not stay either:
    -- an untyped parameter from a driver must resolve to one function.
    for v_routine in
        select p.oid::regprocedure
        from pg_proc as p
        where p.pronamespace = v_schema
            and (p.proname = any (v_function_names) or pg_get_userbyid(p.proowner) = v_owner)
            and not exists (
                select
                from generate_subscripts(v_functions, 1) as i
                where p.oid = to_regprocedure(replace(v_functions[i][5], 'web.', v_prefix))
            )
    loop
        execute format('drop routine %s', v_routine);
    end loop;
end;
