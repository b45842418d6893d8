-- Names: refused before the first statement is built from one. They go into SQL through %I only, function bodies through
-- %L, and neither ever into a comment of the SQL, which a newline in a name would end.
if current_setting('transaction_isolation') <> 'read committed' then
    raise exception using
        errcode = 'invalid_transaction_state',
        message = 'correct_web() must see what others commit while it waits for them',
        hint = 'Call it in a transaction of isolation level read committed.';
end if;
for v_declared in
    select n.name, n.what, n.room
    from (values (p_schema, 'schema', 63), (p_role, 'role', 63 - octet_length('_owner'))) as n (name, what, room)
loop
    if v_declared.name is null or v_declared.name = '' or v_declared.name ~ '[[:cntrl:]]' then
        raise exception using
            errcode = 'invalid_name',
            message = format('the name of the %s is empty, or holds a control character', v_declared.what),
            hint = 'Choose a name such as web or nodepg.';
    end if;
    if octet_length(v_declared.name) > v_declared.room then
        raise exception using
            errcode = 'name_too_long',
            message = format('the name of the %s has %s bytes; %s is the limit', v_declared.what, octet_length(v_declared.name), v_declared.room),
            hint = 'A role leaves room for the _owner of its owner role.';
    end if;
    if v_declared.name ~ '^pg_' or v_declared.name in ('public', 'none', 'information_schema') then
        raise exception using
            errcode = 'reserved_name',
            message = format('PostgreSQL keeps the name %s for itself', v_declared.name),
            hint = format('Choose another %s.', v_declared.what);
    end if;
end loop;

-- One at a time in a database: installs that meet wait for each other, and the later ones find nothing to do.
perform pg_advisory_xact_lock(hashtextextended('connect-pg correct_web', 0));
