-- A line number of the composed routine leads to no file, so the hint of an unexpected error names the step.
when others then
    declare
        v_context text;
        v_detail text;
        v_hint text;
    begin
        get stacked diagnostics
            v_context = pg_exception_context,
            v_detail = pg_exception_detail,
            v_hint = pg_exception_hint;
        v_context := split_part(v_context, E'\n', 1);
        -- The steps themselves raise what they expect, with a hint. A check runs them in a DO statement.
        if v_context ~ '(correct_web|inline_code_block).* RAISE' then
            raise;
        end if;
        raise exception using
            errcode = sqlstate,
            message = sqlerrm,
            detail = v_detail,
            hint = concat_ws(' ', nullif(v_hint, ''), format('The step sql/install/%s failed: %s', v_step, left(v_context, 200)));
    end;
