//! Logins without a password by `pg_hba.conf`.

use std::net::IpAddr;

use postgres::Client;

use super::findings::{EnvironmentReport, Finding};

/// One line of `pg_hba.conf` that applies to the role and the database.
struct Rule {
    line: i32,
    /// `local`, `host`, `hostssl`, …
    kind: String,
    address: Option<String>,
    netmask: Option<String>,
    method: String,
}

impl Rule {
    /// Returns true if this rule applies to every connection that the other one applies to.
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

    /// Returns address and mask as bytes. Returns `None` for `all`, `samenet` and names of hosts.
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

/// Returns the rules that allow a login without a password. The first rule that matches a connection decides, so a rule that an
/// earlier one covers has no effect.
fn trust_rules(rules: &[Rule]) -> impl Iterator<Item = &Rule> {
    rules.iter().enumerate().filter_map(|(at, rule)| {
        let decides = !rules[..at].iter().any(|earlier| earlier.covers(rule));
        (rule.method == "trust" && decides).then_some(rule)
    })
}

pub(super) fn check_hba(
    client: &mut Client,
    role: &str,
    report: &mut EnvironmentReport,
) -> Result<(), postgres::Error> {
    let may_see = report.may_see(
        client,
        "has_table_privilege('pg_hba_file_rules', 'select') and has_function_privilege('pg_hba_file_rules()', 'execute')",
        "pg_hba_not_visible",
        &format!("pg_hba.conf lets role {role} log in without a password"),
    )?;
    if !may_see {
        return Ok(());
    }
    let rules = rules_for(client, role)?;
    for rule in trust_rules(&rules) {
        report.findings.push(Finding::new(
            "pg_hba_trusts_role",
            format!(
                "line {} of pg_hba.conf allows logins as {role} without a password: {} trust",
                rule.line,
                rule.describe()
            ),
            "replace trust with scram-sha-256 in that line, then: select pg_reload_conf()",
        ));
    }
    Ok(())
}

/// Reads the rules that apply to the role in this database, in their order.
fn rules_for(client: &mut Client, role: &str) -> Result<Vec<Rule>, postgres::Error> {
    let version: i32 = client
        .query_one("select current_setting('server_version_num')::integer", &[])?
        .try_get(0)?;
    // From PostgreSQL 16 on the rules may come from several files, and names may be regular expressions.
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
    client
        .query(&sql, &[&role])?
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
        .collect()
}

/// Returns an SQL condition: the role $1 is a member of the role that the expression names.
fn membership(expression: &str) -> String {
    format!(
        "exists (
            select from pg_roles as g, pg_roles as m
            where g.rolname = {expression} and m.rolname = $1::text and pg_has_role(m.oid, g.oid, 'member')
        )"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(line: i32, kind: &str, [address, netmask]: [&str; 2], method: &str) -> Rule {
        let unless_empty = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Rule {
            line,
            kind: kind.into(),
            address: unless_empty(address),
            netmask: unless_empty(netmask),
            method: method.into(),
        }
    }

    #[test]
    fn first_matching_rule_decides() {
        const LOOPBACK: [&str; 2] = ["127.0.0.1", "255.255.255.255"];
        const PRIVATE: [&str; 2] = ["127.0.0.0", "255.0.0.0"];
        const LOOPBACK_6: [&str; 2] = ["::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"];
        const EVERYWHERE: [&str; 2] = ["all", ""];
        const SOCKET: [&str; 2] = ["", ""];
        for (first, then, trusts) in [
            (("local", SOCKET, "scram-sha-256"), ("local", SOCKET), false),
            (("host", LOOPBACK, "md5"), ("host", PRIVATE), true),
            (("host", PRIVATE, "md5"), ("host", LOOPBACK), false),
            (("host", EVERYWHERE, "reject"), ("hostssl", LOOPBACK), false),
            (("hostssl", EVERYWHERE, "cert"), ("host", LOOPBACK), true),
            (("local", SOCKET, "peer"), ("host", LOOPBACK_6), true),
            (
                ("host", ["samenet", ""], "md5"),
                ("host", ["db.example", ""]),
                true,
            ),
        ] {
            let rules = [
                rule(1, first.0, first.1, first.2),
                rule(2, then.0, then.1, "trust"),
            ];
            let trusted: Vec<i32> = trust_rules(&rules).map(|rule| rule.line).collect();
            assert_eq!(trusted, [2][..usize::from(trusts)], "{first:?}, {then:?}");
        }
        let only = [rule(1, "local", SOCKET, "trust")];
        assert_eq!(trust_rules(&only).count(), 1);
    }
}
