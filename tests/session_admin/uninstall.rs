//! `session-admin uninstall`

use crate::support::server::{quoted, value};
use crate::support::session_admin::{Database, bare_command, installer_login, run};

/// Returns what the catalogs say about everything that an install could leave behind, without the numbers of objects.
fn catalog(database: &Database) -> String {
    let mut client = database.superuser();
    let mut text = String::new();
    for sql in [
        "select n.nspname, n.nspowner, n.nspacl from pg_namespace as n where n.nspname !~ '^pg_(toast_)?temp'",
        "select c.relname, c.relkind, c.relacl from pg_class as c where c.oid >= 16384",
        "select t.typname from pg_type as t where t.oid >= 16384",
        "select p.oid::regprocedure, p.proacl from pg_proc as p where p.oid >= 16384",
        "select k.conname from pg_constraint as k where k.oid >= 16384",
        "select d.description from pg_description as d where d.objoid >= 16384",
        "select d.defaclrole, d.defaclacl from pg_default_acl as d",
        "select d.datacl, d.datdba, d.datconnlimit from pg_database as d where d.datname = current_database()",
        "select s.setconfig from pg_db_role_setting as s where s.setdatabase = (select d.oid from pg_database as d where d.datname = current_database())",
        "select s.classid, s.deptype from pg_shdepend as s where s.dbid = (select d.oid from pg_database as d where d.datname = current_database())",
    ] {
        for row in client
            .query(&format!("select x::text from ({sql}) as x order by 1"), &[])
            .unwrap()
        {
            text.push_str(row.get(0));
            text.push('\n');
        }
        text.push_str("--\n");
    }
    text
}

fn roles(database: &Database) -> i64 {
    database
        .superuser()
        .query_one(
            "select count(*) from pg_roles as r where r.rolname in ($1::text, $1::text || '_owner')",
            &[&database.role],
        )
        .unwrap()
        .get(0)
}

#[test]
fn uninstall_needs_yes_and_leaves_no_trace() {
    let database = Database::new();
    let before = catalog(&database);
    database.run(&["install"]).expect(0);
    database.run(&["rotate-password"]).expect(0);
    let mut client = database.superuser();
    client
        .batch_execute("select web.set_session_data('a', '{}', null)")
        .unwrap();

    let installed = database.snapshot();
    database.run(&["uninstall"]).expect(1).says(&[
        "would be removed table web.session\n",
        "would be removed function web.load_session(bytea,boolean)\n",
        "would be removed function public.correct_web()\n",
        "would be removed schema web\n",
        "All sessions would be lost. Confirm with --yes.",
    ]);
    assert_eq!(database.snapshot(), installed);
    let planned = database
        .run(&["uninstall", "--drop-roles", "--format", "json"])
        .expect(1)
        .json();
    let done = database
        .run(&["uninstall", "--yes", "--format", "json"])
        .expect(0)
        .json();
    assert_eq!(
        (&planned["done"], &done["done"]),
        (&false.into(), &true.into())
    );
    // The plan with the roles names the same, and the two roles.
    let (planned, done) = (
        planned["changes"].as_array().unwrap(),
        done["changes"].as_array().unwrap(),
    );
    assert_eq!(planned.len(), done.len() + 2);
    assert_eq!(planned[..done.len()], done[..]);

    assert_eq!(catalog(&database), before);
    assert_eq!(roles(&database), 2);
    database
        .run(&["uninstall", "--yes"])
        .expect(2)
        .says(&["there is no store", "nothing was dropped"]);
    database.run(&["check"]).expect(1).says(&["not installed"]);

    // The roles still serve the next store, which starts without sessions.
    database.run(&["install"]).expect(0);
    assert_eq!(value::<i32>(&mut client, "select web.count_sessions()"), 0);
    database
        .run(&["uninstall", "--yes", "--drop-roles"])
        .expect(0)
        .says(&[&format!("removed role {}_owner", database.role)]);
    assert_eq!(catalog(&database), before);
    assert_eq!(roles(&database), 0);
}

#[test]
fn uninstall_refuses_what_others_depend_on() {
    let mut database = Database::installed();
    let other = database.own_role("nologin");
    let mut client = database.superuser();
    let role = quoted(&database.role);
    for (obstacle, name, removal) in [
        (
            "create view public.all_sessions as select key from web.session".to_owned(),
            "view public.all_sessions depends on table web.session",
            "drop view public.all_sessions".to_owned(),
        ),
        (
            "create table public.baskets (key bytea references web.session)".into(),
            "baskets",
            "drop table public.baskets".into(),
        ),
        (
            "create table public.saved (x web.saved_session)".into(),
            "saved",
            "drop table public.saved".into(),
        ),
        (
            format!("create table web.mine (x integer); alter table web.mine owner to {other}"),
            "table web.mine depends on schema web",
            "drop table web.mine".into(),
        ),
        (
            "create function web.helper() returns integer language sql as 'select 1'".into(),
            "web.helper() depends on schema web",
            "drop function web.helper()".into(),
        ),
        (
            format!("create table public.of_role (); grant select on public.of_role to {role}"),
            "of_role",
            "drop table public.of_role".into(),
        ),
    ] {
        client.batch_execute(&obstacle).unwrap();
        let before = database.snapshot();
        database
            .run(&["uninstall", "--yes", "--drop-roles"])
            .expect(2)
            .says(&[name, "Hint: nothing was changed"]);
        assert_eq!(database.snapshot(), before, "{obstacle}");
        client.batch_execute(&removal).unwrap();
    }
    database
        .run(&["uninstall", "--yes", "--drop-roles"])
        .expect(0);
}

#[test]
fn uninstall_drops_the_owner_role_if_the_runtime_role_is_gone() {
    let database = Database::new();
    let before = catalog(&database);
    database.run(&["install"]).expect(0);
    let role = quoted(&database.role);
    database
        .superuser()
        .batch_execute(&format!("drop owned by {role}; drop role {role}"))
        .unwrap();
    database
        .run(&["uninstall", "--drop-roles"])
        .expect(1)
        .hides(&format!("removed role {}\n", database.role));
    database
        .run(&["uninstall", "--yes", "--drop-roles"])
        .expect(0)
        .says(&[&format!("removed role {}_owner\n", database.role)]);
    assert_eq!(catalog(&database), before);
    assert_eq!(roles(&database), 0);
}

#[test]
fn uninstall_of_one_store_leaves_the_other() {
    let database = Database::installed();
    let second = format!("{}_2", database.role);
    let with_names = |schema: &str, arguments: &[&str]| {
        let mut command = bare_command(arguments);
        command.args(["--schema", schema, "--role", &second]);
        for (name, value) in database.command(&[]).get_envs() {
            if let Some(value) = value {
                command.env(name, value);
            }
        }
        run(command)
    };
    let with_second = |arguments: &[&str]| with_names("web_2", arguments);
    with_second(&["install"]).expect(0);
    // A role of another store is not that of this one.
    with_names("web", &["uninstall", "--yes"])
        .expect(2)
        .says(&["there is no store"]);
    database
        .run(&["uninstall", "--yes", "--drop-roles"])
        .expect(0)
        .hides("correct_web");
    with_second(&["check"]).expect(1).hides("drift");
    with_second(&["uninstall", "--yes", "--drop-roles"])
        .expect(0)
        .says(&["removed function public.correct_web()"]);
}

#[test]
fn installer_without_superuser_rights_uninstalls() {
    let mut database = Database::new();
    let installer = database.installer();
    let before = catalog(&database);
    let as_installer = installer_login(&installer);
    for options in [
        &["uninstall", "--yes"][..],
        &["uninstall", "--yes", "--drop-roles"],
    ] {
        database.run_with(&as_installer, &["install"]).expect(0);
        database.run_with(&as_installer, options).expect(0);
        assert_eq!(catalog(&database), before);
    }
    assert_eq!(roles(&database), 0);

    // The runtime role may not.
    database.run_with(&as_installer, &["install"]).expect(0);
    let password = database
        .run_with(&as_installer, &["rotate-password"])
        .expect(0)
        .out;
    database
        .run_with(
            &[("PGUSER", &database.role), ("PGPASSWORD", password.trim())],
            &["uninstall", "--yes"],
        )
        .expect(2)
        .says(&["Hint:", "superuser"]);
}
