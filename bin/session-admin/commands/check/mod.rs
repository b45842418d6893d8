//! `session-admin check`

use std::fmt::Write;
use std::net::IpAddr;

use connect_pg::install::{self, Change, InstallReport};
use postgres::Client;
use serde_json::json;

use crate::cli::GlobalArgs;
use crate::commands::install::{RIGHTS, json_changes, value};
use crate::exit::ExitStatus;
use crate::support::connection;
use crate::support::failure::{self, Failure};
use crate::support::output::{self, Format, Paint, one_line};
use crate::support::scram::{self, Stored};

const HELP: &str = "\
Prints one line for everything that is not as install makes it, and one for each danger around it: the role has no \
password, or still the one that connect-pg 1.1.5 gave it, or pg_hba.conf lets it in without one. Exit status 1 if there is \
any. Notes, which are for your judgement, do not count. Nothing is changed: what install would do is done in a \
transaction that is rolled back.

Rights: as for install. What only a superuser can see (stored passwords, pg_hba.conf) is left out for others, with a note.

Examples:
  session-admin check || session-admin install
  session-admin check --format json | jq '.findings[].finding'

--format json prints {\"ok\":…, \"installed\":…, \"release\":…, \"drift\":[as install's changes], \"findings\":[{\"finding\":…, \
\"text\":…, \"mend\":…}], \"notes\":[the same]}.";

/// Find out whether the store is as it should be
#[derive(clap::Args)]
#[command(after_help = HELP)]
pub(crate) struct Args {}

/// Something about the store's surroundings.
struct Finding {
    /// A word for programs.
    word: &'static str,
    text: String,
    mend: String,
}

impl Finding {
    fn new(word: &'static str, text: impl Into<String>, mend: impl Into<String>) -> Self {
        Self {
            word,
            text: text.into(),
            mend: mend.into(),
        }
    }

    fn json(&self) -> serde_json::Value {
        json!({"finding": self.word, "text": self.text, "mend": self.mend})
    }
}

#[derive(Default)]
struct EnvironmentReport {
    findings: Vec<Finding>,
    notes: Vec<Finding>,
}

pub(crate) fn run(global: &GlobalArgs, _: &Args) -> Result<ExitStatus, Failure> {
    let mut client = connection::open(global)?;
    let report = match install::check(&mut client, &global.options()) {
        Ok(report) => report,
        Err(error) if error.is_not_installed() => return not_installed(global),
        Err(error) => return Err(failure::calling("check", &error, global, RIGHTS)),
    };
    let mut around = EnvironmentReport::default();
    if !report.missing_from_history.is_empty() {
        around.notes.push(Finding::new(
            "release_not_recorded",
            "the store was installed or upgraded by its SQL script, so the history of releases (public.correct_web_history) lacks it; \
             nothing depends on that",
            "session-admin install records it",
        ));
    }
    check_environment(&mut client, global, &mut around)
        .map_err(|error| failure::calling("check", &error, global, RIGHTS))?;
    print(global, &report, &around)?;
    let clean = report.changes.is_empty() && around.findings.is_empty();
    Ok(if clean {
        ExitStatus::Yes
    } else {
        ExitStatus::No
    })
}

fn not_installed(global: &GlobalArgs) -> Result<ExitStatus, Failure> {
    match global.format {
        Format::Json => output::print_json(&json!({
            "ok": false, "installed": false, "release": null, "drift": [], "findings": [], "notes": [],
        }))?,
        Format::People => output::print(&format!(
            "not installed: there is no store in schema {} of this database (mend: session-admin install)\n",
            one_line(&global.schema)
        ))?,
    }
    Ok(ExitStatus::No)
}

fn print(
    global: &GlobalArgs,
    report: &InstallReport,
    around: &EnvironmentReport,
) -> Result<(), Failure> {
    if global.format == Format::Json {
        let list = |findings: &[Finding]| {
            findings
                .iter()
                .map(Finding::json)
                .collect::<serde_json::Value>()
        };
        return output::print_json(&json!({
            "ok": report.changes.is_empty() && around.findings.is_empty(),
            "installed": true,
            "release": report.version,
            "drift": json_changes(&report.changes),
            "findings": list(&around.findings),
            "notes": list(&around.notes),
        }));
    }
    let paint = Paint::new(&std::io::stdout());
    let mut text = String::new();
    for change in &report.changes {
        let _ = writeln!(text, "{} {}", paint.bad("drift"), drift(change));
    }
    for (word, findings) in [
        (paint.bad("danger"), &around.findings),
        (paint.doubtful("note"), &around.notes),
    ] {
        for finding in findings {
            let _ = writeln!(
                text,
                "{word} {} (mend: {})",
                one_line(&finding.text),
                one_line(&finding.mend)
            );
        }
    }
    output::print(&text)?;
    if !report.changes.is_empty() {
        output::remark("Mend the drift with: session-admin install");
    } else if around.findings.is_empty() {
        let paint = Paint::new(&std::io::stderr());
        output::remark(&format!(
            "{} the store is as release {} makes it.",
            paint.good("ok"),
            report.version
        ));
    }
    Ok(())
}

/// One difference on one line.
fn drift(change: &Change) -> String {
    let what = format!("{} {}", one_line(&change.kind), one_line(&change.object));
    match (change.action.as_str(), &change.attribute) {
        ("created", _) => format!("{what} is missing"),
        ("removed", _) => format!("{what} should not be there"),
        (_, attribute) => format!(
            "{what} differs: {} is {}, should be {}",
            attribute.as_deref().map_or_else(|| "it".into(), one_line),
            value(change.before.as_deref()),
            value(change.after.as_deref())
        ),
    }
}

fn check_environment(
    client: &mut Client,
    global: &GlobalArgs,
    around: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // Nothing in the schemas of the search path may be taken for something of PostgreSQL's.
    client.batch_execute("set search_path = pg_catalog, pg_temp")?;
    let exists = client
        .query_opt(
            "select from pg_roles as r where r.rolname = $1::text",
            &[&global.role],
        )?
        .is_some();
    if exists {
        look_at_password(client, global, around)?;
        look_at_hba(client, global, around)?;
        look_at_members(client, global, around)?;
    }
    look_at_public(client, around)
}

fn look_at_password(
    client: &mut Client,
    global: &GlobalArgs,
    around: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let role = &global.role;
    let visible: bool = client
        .query_one(
            "select has_column_privilege('pg_authid', 'rolpassword', 'select')",
            &[],
        )?
        .try_get(0)?;
    if !visible {
        around.notes.push(Finding::new(
            "password_not_visible",
            format!("whether the role {role} has a password cannot be seen by this user"),
            "run check as a superuser",
        ));
        return Ok(());
    }
    let row = client.query_opt(
        "select a.rolpassword, a.rolvaliduntil < now() from pg_authid as a where a.rolname = $1::text",
        &[role],
    )?;
    let Some(row) = row else { return Ok(()) };
    let stored: Option<String> = row.try_get(0)?;
    let expired: Option<bool> = row.try_get(1)?;
    match stored {
        None => around.findings.push(Finding::new(
            "role_has_no_password",
            format!("the role {role} has no password, so nobody can log in as it with one"),
            "session-admin rotate-password --output FILE",
        )),
        Some(stored) if scram::matches(&stored, role, "password") => around.findings.push(Finding::new(
            "role_has_default_password",
            format!("the role {role} has the password that connect-pg 1.1.5 gave it, which everybody knows"),
            "session-admin rotate-password --output FILE",
        )),
        Some(stored) if scram::form(&stored) == Stored::Md5 => around.notes.push(Finding::new(
            "password_stored_as_md5",
            format!("the password of the role {role} is stored as MD5, which is easy to break"),
            "session-admin rotate-password --output FILE stores it for SCRAM-SHA-256",
        )),
        Some(_) => {}
    }
    if expired == Some(true) {
        around.notes.push(Finding::new(
            "password_expired",
            format!("the password of the role {role} has expired (valid until)"),
            format!(
                "alter role {} valid until 'infinity'",
                connection::identifier(role)
            ),
        ));
    }
    Ok(())
}

/// One line of `pg_hba.conf` that concerns the role and the database.
struct Rule {
    line: i32,
    /// `local`, `host`, `hostssl`, …
    kind: String,
    address: Option<String>,
    netmask: Option<String>,
    method: String,
}

impl Rule {
    /// Whether every connection that the other rule is for is caught by this one already.
    fn covers(&self, other: &Rule) -> bool {
        let kinds =
            self.kind == other.kind || (self.kind == "host" && other.kind.starts_with("host"));
        kinds
            && (self.kind == "local"
                || self.is_everywhere()
                || self.same_network(other)
                || self.wider_network(other))
    }

    fn is_everywhere(&self) -> bool {
        self.address.as_deref() == Some("all")
    }

    fn same_network(&self, other: &Rule) -> bool {
        (&self.address, &self.netmask) == (&other.address, &other.netmask)
    }

    fn wider_network(&self, other: &Rule) -> bool {
        let (Some((ours, mask)), Some((theirs, their_mask))) = (self.network(), other.network())
        else {
            return false;
        };
        ours.len() == theirs.len()
            && ours
                .iter()
                .zip(&theirs)
                .zip(mask.iter().zip(&their_mask))
                .all(|((our, their), (mask, their_mask))| {
                    mask & their_mask == *mask && our & mask == their & mask
                })
    }

    /// Address and mask as bytes, where the address is none of `all`, `samenet` or a host's name.
    fn network(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        let octets = |text: &Option<String>| match text.as_deref()?.parse().ok()? {
            IpAddr::V4(address) => Some(address.octets().to_vec()),
            IpAddr::V6(address) => Some(address.octets().to_vec()),
        };
        Some((octets(&self.address)?, octets(&self.netmask)?))
    }

    fn describe(&self) -> String {
        match (&self.address, &self.netmask) {
            (None, _) => format!("{} (the server's unix socket)", self.kind),
            (Some(address), None) => format!("{} {address}", self.kind),
            (Some(address), Some(netmask)) => format!("{} {address} {netmask}", self.kind),
        }
    }
}

/// The rules that let somebody in without a password. The first rule that fits a connection decides, so one that an earlier
/// rule covers never does.
fn trust_rules(rules: &[Rule]) -> impl Iterator<Item = &Rule> {
    rules.iter().enumerate().filter_map(|(at, rule)| {
        let decides = !rules[..at].iter().any(|earlier| earlier.covers(rule));
        (rule.method == "trust" && decides).then_some(rule)
    })
}

fn look_at_hba(
    client: &mut Client,
    global: &GlobalArgs,
    around: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let role = &global.role;
    let visible: bool = client
        .query_one(
            "select has_table_privilege('pg_hba_file_rules', 'select')
                and has_function_privilege('pg_hba_file_rules()', 'execute')",
            &[],
        )?
        .try_get(0)?;
    if !visible {
        around.notes.push(Finding::new(
            "pg_hba_not_visible",
            format!("whether pg_hba.conf lets the role {role} in without a password cannot be seen by this user"),
            "run check as a superuser",
        ));
        return Ok(());
    }
    let version: i32 = client
        .query_one("select current_setting('server_version_num')::integer", &[])?
        .try_get(0)?;
    // From 16 on the rules may come from several files, and names may be regular expressions.
    let (order, expression) = if version >= 160_000 {
        (
            "r.rule_number",
            "left(n.name, 1) = '/' and $subject ~ substr(n.name, 2)",
        )
    } else {
        ("r.line_number", "false")
    };
    let sql = format!(
        "select r.line_number, r.type, r.address, r.netmask, r.auth_method
        from pg_hba_file_rules as r
        where r.error is null
            and exists (
                select from unnest(r.database) as n (name)
                where n.name in ('all', current_database())
                    or (n.name = 'sameuser' and current_database() = $1::text)
                    or (n.name in ('samerole', 'samegroup') and {same_role})
                    or ({database_expression})
            )
            and exists (
                select from unnest(r.user_name) as n (name)
                where n.name in ('all', $1::text)
                    or (left(n.name, 1) = '+' and {member})
                    or ({role_expression})
            )
        order by {order}",
        same_role = membership("current_database()"),
        member = membership("substr(n.name, 2)"),
        database_expression = expression.replace("$subject", "current_database()"),
        role_expression = expression.replace("$subject", "$1::text"),
    );
    let rules = client
        .query(&sql, &[role])?
        .iter()
        .map(|row| {
            Ok(Rule {
                line: row.try_get(0)?,
                kind: row.try_get(1)?,
                address: row.try_get(2)?,
                netmask: row.try_get(3)?,
                method: row.try_get(4)?,
            })
        })
        .collect::<Result<Vec<_>, postgres::Error>>()?;
    for rule in trust_rules(&rules) {
        around.findings.push(Finding::new(
            "pg_hba_trusts_role",
            format!(
                "line {} of pg_hba.conf lets anybody log in as {role} without a password: {} trust",
                rule.line,
                rule.describe()
            ),
            "write scram-sha-256 in the place of trust there, then: select pg_reload_conf()",
        ));
    }
    Ok(())
}

/// SQL that tells whether the role $1 is a member of the role that an expression names.
fn membership(expression: &str) -> String {
    format!(
        "exists (
            select from pg_roles as g, pg_roles as m
            where g.rolname = {expression} and m.rolname = $1::text and pg_has_role(m.oid, g.oid, 'member')
        )"
    )
}

/// Who can become the owner of the store, besides superusers.
///
/// A note, because an administrator who is no superuser may have to: but it is a way to every session's data that no
/// privilege on the tables shows.
fn look_at_members(
    client: &mut Client,
    global: &GlobalArgs,
    around: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    // From 16 on whoever made a role is its member, but cannot act as it unless he grants himself that.
    let rows = client.query(
        "select quote_ident(r.rolname), quote_ident(o.rolname)
        from pg_roles as o
        join pg_roles as r on r.oid <> o.oid and not r.rolsuper
        where o.rolname = $1::text || '_owner'
            and (
                pg_has_role(r.oid, o.oid, 'USAGE')
                or pg_has_role(r.oid, o.oid, case when current_setting('server_version_num')::integer >= 160000 then 'SET' else 'MEMBER' end)
            )
        order by 1",
        &[&global.role],
    )?;
    for row in rows {
        let (member, owner): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        around.notes.push(Finding::new(
            "member_of_owner",
            format!("{member} is a member of {owner}, and so can read and change every session"),
            format!("revoke {owner} from {member}, unless it is an administrator's"),
        ));
    }
    Ok(())
}

/// What everybody may do in a database unless somebody says otherwise, the runtime role included.
fn look_at_public(
    client: &mut Client,
    around: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let row = client.query_one(
        "select
            quote_ident(current_database()),
            exists (
                select from pg_database as d
                cross join aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) as x
                where d.datname = current_database() and x.grantee = 0 and x.privilege_type = 'TEMPORARY'
            ),
            exists (
                select from pg_namespace as n
                cross join aclexplode(coalesce(n.nspacl, acldefault('n', n.nspowner))) as x
                where n.nspname = 'public' and x.grantee = 0 and x.privilege_type = 'CREATE'
            )",
        &[],
    )?;
    let database: String = row.try_get(0)?;
    if row.try_get(1)? {
        around.notes.push(Finding::new(
            "public_may_make_temporary_tables",
            "everybody may make temporary tables in this database, the runtime role too (PostgreSQL's default)",
            format!("revoke temporary on database {database} from public, if nobody else needs it"),
        ));
    }
    if row.try_get(2)? {
        around.notes.push(Finding::new(
            "public_may_create_in_public",
            "everybody may create tables and functions in the schema public, the runtime role too (the default before PostgreSQL 15)",
            "revoke create on schema public from public",
        ));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(line: i32, kind: &str, network: Option<(&str, &str)>, method: &str) -> Rule {
        Rule {
            line,
            kind: kind.into(),
            address: network.map(|(address, _)| address.into()),
            netmask: network
                .map(|(_, netmask)| netmask.into())
                .filter(|mask: &String| !mask.is_empty()),
            method: method.into(),
        }
    }

    fn open(rules: &[Rule]) -> Vec<i32> {
        trust_rules(rules).map(|rule| rule.line).collect()
    }

    #[test]
    fn the_first_rule_that_fits_decides() {
        let loopback = Some(("127.0.0.1", "255.255.255.255"));
        let private = Some(("127.0.0.0", "255.0.0.0"));
        let everywhere = Some(("all", ""));
        assert_eq!(open(&[rule(1, "local", None, "trust")]), [1]);
        assert_eq!(
            open(&[
                rule(1, "local", None, "scram-sha-256"),
                rule(2, "local", None, "trust")
            ]),
            [] as [i32; 0]
        );
        assert_eq!(
            open(&[
                rule(1, "host", loopback, "md5"),
                rule(2, "host", private, "trust")
            ]),
            [2]
        );
        assert_eq!(
            open(&[
                rule(1, "host", private, "md5"),
                rule(2, "host", loopback, "trust")
            ]),
            [] as [i32; 0]
        );
        assert_eq!(
            open(&[
                rule(1, "host", everywhere, "reject"),
                rule(2, "hostssl", loopback, "trust")
            ]),
            [] as [i32; 0]
        );
        assert_eq!(
            open(&[
                rule(1, "hostssl", everywhere, "cert"),
                rule(2, "host", loopback, "trust")
            ]),
            [2]
        );
        assert_eq!(
            open(&[
                rule(1, "local", None, "peer"),
                rule(
                    2,
                    "host",
                    Some(("::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
                    "trust"
                )
            ]),
            [2]
        );
        assert_eq!(
            open(&[
                rule(1, "host", Some(("samenet", "")), "md5"),
                rule(2, "host", Some(("db.example", "")), "trust")
            ]),
            [2]
        );
    }
}
