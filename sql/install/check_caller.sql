-- Checked before the first statement is built from a name. Names go into SQL by %I and bodies by %L, never into a comment
-- of the SQL, which a newline in a name would end.
declare
    v_name record;
begin
    if current_setting('transaction_isolation') <> 'read committed' then
        raise exception using
            errcode = 'invalid_transaction_state',
            message = format('correct_web() cannot run in a transaction of isolation level %s', current_setting('transaction_isolation')),
            hint = 'Use read committed: it must see what other sessions commit while it waits for them.';
    end if;

    for v_name in
        select n.text, n.kind, n.max_bytes
        from (
            values
            (p_schema, 'schema', 63),
            (p_role, 'role', 63 - octet_length('_owner'))
        ) as n (text, kind, max_bytes)
    loop
        if v_name.text is null or v_name.text = '' or v_name.text ~ '[[:cntrl:]]' then
            raise exception using
                errcode = 'invalid_name',
                message = format('the name of the %s is empty or holds a control character', v_name.kind),
                hint = 'Choose a name such as web or nodepg.';
        end if;
        if octet_length(v_name.text) > v_name.max_bytes then
            raise exception using
                errcode = 'name_too_long',
                message = format('the name of the %s has %s bytes; the limit is %s', v_name.kind, octet_length(v_name.text), v_name.max_bytes),
                hint = 'Choose a shorter name. The owner role is named after the role: its name and _owner.';
        end if;
        if v_name.text ~ '^pg_' or v_name.text in ('public', 'none', 'information_schema') then
            raise exception using
                errcode = 'reserved_name',
                message = format('the name %s is reserved by PostgreSQL', v_name.text),
                hint = format('Choose another name for the %s.', v_name.kind);
        end if;
    end loop;
end;
