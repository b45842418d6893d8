-- Functions. "create or replace" keeps grants and takes no lock that a caller would wait for.
foreach v_function slice 1 in array v_functions
loop
    v_text := replace(v_function[1], 'web.', v_prefix) || format(' as %L', replace(v_function[2], 'web.', v_prefix));
    begin
        execute v_text;
    exception
        -- Other result columns or parameter names cannot be replaced.
        when invalid_function_definition then
            execute format('drop function %s', replace(v_function[3], 'web.', v_prefix));
            execute v_text;
    end;
    execute format('comment on function %s is %L', replace(v_function[3], 'web.', v_prefix), v_function[4]);
end loop;

-- No overloads: an untyped parameter from a driver must resolve to one function.
for v_found in
    select p.oid::regprocedure as signature
    from pg_proc as p
    where p.pronamespace = v_schema
        and p.prokind = 'f'
        and p.proname in (select q.proname from pg_proc as q where q.oid in (select to_regprocedure(replace(f.signature, 'web.', v_prefix)) from unnest(v_signatures) as f (signature)))
        and p.oid not in (select to_regprocedure(replace(f.signature, 'web.', v_prefix)) from unnest(v_signatures) as f (signature))
loop
    execute format('drop function %s', v_found.signature);
end loop;
