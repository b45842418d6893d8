-- Functions. "create or replace" keeps grants and takes no lock that a caller would wait for.
for v_found in
    select p.oid::regprocedure as signature
    from pg_proc as p
    where p.pronamespace = v_schema
        and p.prokind <> 'f'
        and p.proname in (select substring(f.signature from 'web\.(\w+)\(') from unnest(v_signatures) as f (signature))
loop
    -- A procedure or an aggregate cannot be replaced by a function of its name.
    execute format('drop routine %s', v_found.signature);
end loop;
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

-- What else the owner role has here is from another release, or a door that somebody left; and no overloads of ours: an
-- untyped parameter from a driver must resolve to one function.
for v_found in
    with ours as (
        select p.oid, p.proname
        from unnest(v_signatures) as f (signature)
        join pg_proc as p on p.oid = to_regprocedure(replace(f.signature, 'web.', v_prefix))
    )
    select p.oid::regprocedure as signature
    from pg_proc as p
    where p.pronamespace = v_schema
        and p.oid not in (select o.oid from ours as o)
        and (p.proname in (select o.proname from ours as o) or pg_get_userbyid(p.proowner) = v_owner)
loop
    execute format('drop routine %s', v_found.signature);
end loop;
