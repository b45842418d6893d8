-- Roles belong to the cluster, and the lock above to the database, so another database may create them at the same time:
-- both errors of that race are caught. No password is set, so the runtime role cannot log in until it gets one.
declare
    v_role record;
begin
    for v_role in
        select r.name, r.can_login
        from (
            values
            (p_role, true),
            (v_owner, false)
        ) as r (name, can_login)
    loop
        if not exists (select from pg_roles as r where r.rolname = v_role.name) then
            begin
                execute format('create role %I %s', v_role.name, case when v_role.can_login then 'login' else 'nologin' end);
            exception
                when duplicate_object or unique_violation then
                    null;
            end;
        end if;
    end loop;
end;
