-- A database of connect-pg 1.1.5 for Node: its table is renamed here, still as the installer, and its sessions move to the
-- new table once the functions exist (upgrade_1_1_5_sessions.sql). Additions of its users are named and refused.
declare
    v_table constant regclass := to_regclass(format('%I.session', p_schema));
    v_additions text;
    v_statement text;
    v_function text;
begin
    if exists (
        select
        from pg_attribute as a
        where a.attrelid = v_table
            and a.attname = 'sess_id'
            and not a.attisdropped
    ) then
        -- Locked, so that no other session replaces the table. Its columns must have types of PostgreSQL, or reading them would
        -- run another role's code.
        execute format('lock table %s in access exclusive mode', v_table);
        if not exists (
            select
            from pg_class as c
            join pg_attribute as a on a.attrelid = c.oid
            where c.oid = v_table
                and c.relkind = 'r'
                and pg_get_userbyid(c.relowner) = v_owner
                and (a.attname, a.atttypid) in (
                    ('sess_id', 'text'::regtype),
                    ('sess_data', 'text'::regtype),
                    ('expiration', 'timestamptz'::regtype)
                )
            having count(*) = 3
        ) then
            raise exception using
                errcode = 'datatype_mismatch',
                message = format('%s has a column sess_id, but is not the table of connect-pg 1.1.5', v_table),
                hint = 'Choose another schema, or rename the table.';
        end if;

        v_additions := (
            select string_agg(e.what, '; ' order by e.what)
            from (
                select format('column %I', a.attname) as what
                from pg_attribute as a
                where a.attrelid = v_table
                    and a.attnum > 0
                    and not a.attisdropped
                    and a.attname not in ('sess_id', 'sess_data', 'expiration')
                union all
                select format('trigger %I', t.tgname)
                from pg_trigger as t
                where t.tgrelid = v_table
                    and not t.tgisinternal
                    and t.tgname <> 'delete_expired_trig'
                union all
                select format('policy %I', p.polname)
                from pg_policy as p
                where p.polrelid = v_table
                union all
                select format('publication %I', p.pubname)
                from pg_publication_rel as r
                join pg_publication as p on p.oid = r.prpubid
                where r.prrelid = v_table
                union all
                select 'row level security'
                from pg_class as c
                where c.oid = v_table
                    and (c.relrowsecurity or c.relforcerowsecurity)
                union all
                select format('constraint %I', c.conname)
                from pg_constraint as c
                where c.conrelid = v_table
                    and c.contype not in ('p', 'n')
                union all
                select format('index %I', x.relname)
                from pg_index as i
                join pg_class as x on x.oid = i.indexrelid
                where i.indrelid = v_table
                    and not i.indisprimary
                    and x.relname <> 'expire_idx'
                union all
                -- Views, functions and foreign keys of any role that depend on the table, or on a function that is dropped below.
                select distinct pg_describe_object(d.classid, d.objid, 0)
                from pg_depend as d
                where (
                        d.refclassid = 'pg_class'::regclass and d.refobjid = v_table
                        or d.refclassid = 'pg_type'::regclass
                        and d.refobjid in (
                            select x.oid
                            from pg_type as t
                            cross join lateral (values (t.oid), (t.typarray)) as x (oid)
                            where t.typrelid = v_table
                        )
                        or d.refclassid = 'pg_proc'::regclass
                        and d.refobjid in (
                            select p.oid
                            from pg_proc as p
                            where p.pronamespace = v_schema
                                and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids')
                                and p.pronargs = 0
                        )
                    )
                    and d.deptype = 'n'
                    and not exists (select from pg_trigger as t where d.classid = 'pg_trigger'::regclass and t.oid = d.objid and t.tgrelid = v_table)
                    and not exists (select from pg_constraint as c where d.classid = 'pg_constraint'::regclass and c.oid = d.objid and c.conrelid = v_table)
                    and not exists (select from pg_proc as p where d.classid = 'pg_proc'::regclass and p.oid = d.objid and p.pronamespace = v_schema)
            ) as e
        );
        if v_additions <> '' and coalesce(current_setting('connect_pg.drop_additions', true), '') <> 'on' then
            raise exception using
                errcode = 'dependent_objects_still_exist',
                message = format('the table session of connect-pg 1.1.5 has additions that an upgrade would drop: %s', v_additions),
                hint = 'Save what you need of them and drop them. Or let the upgrade drop them: session-admin install --drop-additions, or in psql first: set connect_pg.drop_additions = on';
        end if;

        v_is_upgrade := true;
        -- What would act on the rows while they move.
        for v_statement in
            select format('drop policy %I on %s', p.polname, v_table)
            from pg_policy as p
            where p.polrelid = v_table
            union all
            select format('drop rule %I on %s', r.rulename, v_table)
            from pg_rewrite as r
            where r.ev_class = v_table
            union all
            select format('alter table %s disable row level security, no force row level security', v_table)
            from pg_class as c
            where c.oid = v_table
                and (c.relrowsecurity or c.relforcerowsecurity)
        loop
            execute v_statement;
        end loop;
        execute format('drop trigger if exists delete_expired_trig on %s', v_table);
        for v_function in
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace = v_schema
                and p.proname in ('valid_sessions', 'remove_expired', 'all_session_ids')
                and p.pronargs = 0
        loop
            execute format('drop function %s%s', v_function, case when current_setting('connect_pg.drop_additions', true) = 'on' then ' cascade' end);
        end loop;
        -- The new table needs the names of its indexes.
        for v_statement in
            select format('alter index %s rename to %I', i.indexrelid::regclass, x.relname || '_of_connect_pg_1')
            from pg_index as i
            join pg_class as x on x.oid = i.indexrelid
            where i.indrelid = v_table
        loop
            execute v_statement;
        end loop;
        execute format('alter table %s rename to session_of_connect_pg_1', v_table);

        -- Helpers and tests that its installer left in public: those whose text is the original's, and no others.
        for v_function in
            select p.oid::regprocedure::text
            from pg_proc as p
            where p.pronamespace = (select n.oid from pg_namespace as n where n.nspname = 'public')
                and md5(replace(p.prosrc, chr(13), '')) = any (array[
                    '2be1e70fc2474a4be759b9feb86690a0', -- create_test_session()
                    'ca00d9ff881a6dcad972094d595580db', -- failed_test(text)
                    '61ccfb015b4bd735dacaf0c1f3367906', -- new_session_id()
                    '41886da93ecf745681c7f45e2558beaf', -- setup_10_web()
                    'b9ffd320d0ef9e5a6358785fdf1d7c6b', -- test_web_function_allids_is_removed()
                    '3ea680dbaa4e8cedaaab21486787ce91', -- test_web_function_clearsessions_exists()
                    '8ea4f66631d4cbff489ea9acc32bc3ea', -- test_web_function_clearsessions_removes_data()
                    '5d11f8e0b29348060d33f6e2305e472e', -- test_web_function_countsessions_counts_nulls()
                    '556483f11034c41bb3c5b3151b0dd98d', -- test_web_function_countsessions_exists()
                    '817e2c24e3f5256bc1d2d6a5a4e4e6d0', -- test_web_function_countsessions_ignores_expired()
                    '537df53d398937ca3d203a409df9860d', -- test_web_function_countsessions_returns_count()
                    'a6f4287a02b6d8c8b17647f4779cedbd', -- test_web_function_deleteexpired_after_insert()
                    '619419da13357497afa881531f088f96', -- test_web_function_deleteexpired_after_update()
                    '64ac0e3f13f4eaa371c717655966a857', -- test_web_function_deleteexpired_exists()
                    'e639b1c674d9cf0e312299b788d70493', -- test_web_function_destroysession_exists()
                    'f77ada9f490dde2ae426fd48755a3696', -- test_web_function_destroysession_removes_data()
                    '3645f6027db76f938330e97ef53f0381', -- test_web_function_getsessiondata_data()
                    'c578608ec3ffd379c4cc3b9aae520d18', -- test_web_function_getsessiondata_exists()
                    '9fbea26c041dc091105f3dfe8f6929b1', -- test_web_function_getsessiondata_ignores_expired()
                    '8f98551f09afe020fd6e81f0a96e8295', -- test_web_function_setsessiondata_exists()
                    'a9ffa7aa337edb44ca984b51d1822185', -- test_web_function_setsessiondata_save_data()
                    '9a81bdd0bae358184b6ba5ab7d3af68c', -- test_web_function_setsessiondata_update_data()
                    'a5ade8a7cf6b3b7a41120c78a6b722ce', -- test_web_schema()
                    'b851d2ea2f95dc7eedbb5c0aec7dc9fb', -- test_web_session_data_exists()
                    'cbaf1b9ac498b0887703361c5508812b', -- test_web_session_data_type()
                    '64dff928a795b63e96d384cb00f43254', -- test_web_session_expiration_default()
                    '3a7f8f8b99eca7aeaf6727aeb5b7b7ee', -- test_web_session_expiration_exists()
                    'd446f67ac83343517d221cda73641bf2', -- test_web_session_expiration_has_index()
                    'a186aa9460baadf49cbd21d3581b263a', -- test_web_session_expiration_type()
                    '80f64e0315ffab78512445d9faa46e2f', -- test_web_session_id_exists()
                    'e0fbf4664cc52808bd0f645ba70b7271', -- test_web_session_id_is_pk()
                    '01f4b97c84521f8e7e0369a411597b3e', -- test_web_session_id_type()
                    '9152b7e236c4ade16c821005276c7c98', -- test_web_session_table()
                    '8f8c7c23057dca6fb8fb8eb7bd748cb0', -- test_web_trigger_deleteexpired_exists()
                    '86680a8279d15e8770c99710c3dacf6b' -- test_web_user_exists()
                ])
            order by p.proname
        loop
            execute format('drop function %s', v_function);
            v_other_changes := v_other_changes || jsonb_build_object('action', 'removed', 'kind', 'function', 'object', v_function);
        end loop;
    end if;
end;
