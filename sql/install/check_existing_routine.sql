-- "create or replace" keeps the owner of a function that exists. Another role's correct_web() would stay that role's to
-- rewrite, and a superuser would run it. And an older release must not replace a newer one.
do $guard$
declare
    -- Types by their full names: they are resolved with the search path of the caller.
    v_release constant pg_catalog.int4 := --@ release;
    v_search_path constant pg_catalog.text := pg_catalog.current_setting('search_path');
    v_routine pg_catalog.record;
begin
    -- From here on no schema of the caller's search path can supply a function in place of PostgreSQL's own.
    perform pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true);

    for v_routine in
        select
            p.oid::regprocedure::text as signature,
            pg_get_userbyid(p.proowner) as owner,
            coalesce(substring(obj_description(p.oid, 'pg_proc') from 'Release (\d+)')::integer, 0) as release,
            p.proretset and p.prorettype = 'text'::regtype as is_of_1_1_5,
            r.rolsuper or r.rolname = current_user as is_trusted
        from pg_catalog.pg_proc as p
        join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
        join pg_catalog.pg_roles as r on r.oid = p.proowner
        where n.nspname = 'public'
            and p.proname = 'correct_web'
    loop
        if not v_routine.is_trusted then
            raise exception using
                errcode = 'insufficient_privilege',
                message = format('function %s belongs to %s, which could change what it does', v_routine.signature, v_routine.owner),
                hint = 'Find out where it comes from. Then drop it or connect as its owner, and run this again.';
        end if;
        if v_routine.release > v_release then
            raise exception using
                errcode = 'object_not_in_prerequisite_state',
                message = format('this database has release %s of correct_web(), newer than this one', v_routine.release),
                hint = 'Use the newer program or the newer file.';
        end if;
        if v_routine.is_of_1_1_5 then
            -- connect-pg 1.1.5 returned setof text, which "create or replace" cannot turn into a table.
            execute format('drop function %s', v_routine.signature);
        end if;
    end loop;

    perform pg_catalog.set_config('search_path', v_search_path, true);
end;
$guard$;
