//! Who may do what: the hints of a missing privilege.

use connect_pg::quote_identifier;

use crate::support::global_args::GlobalArgs;

const SUPERUSER: &str =
    "connect as a superuser (on the server's machine: sudo -u postgres session-admin …)";

/// The rights that a subcommand needs.
#[derive(Clone, Copy)]
pub(crate) enum Rights {
    /// To install: a superuser, or the owner of the database with CREATEROLE.
    Install,
    /// To read counts and catalogs.
    Monitor,
    /// To read and change all sessions and the settings.
    OwnerRole,
    /// To call the functions of the application.
    RuntimeOrOwnerRole,
    /// To set the password of the runtime role.
    Password,
}

impl Rights {
    /// Returns true if the subcommand calls the functions of a store.
    pub(crate) fn are_of_store(self) -> bool {
        !matches!(self, Self::Install | Self::Password)
    }

    /// Returns the hint for a user without these rights.
    pub(crate) fn hint(self, global: &GlobalArgs) -> String {
        match self {
            Self::Install => format!(
                "{SUPERUSER}, or as a role with CREATEROLE that owns the \
                 database. What a superuser installed, only a superuser can change. A DBA can run the output of session-admin print-sql"
            ),
            Self::Monitor => format!(
                "{SUPERUSER}, as a member of pg_monitor (grant pg_monitor to USER), or {}",
                owner_member(global)
            ),
            Self::OwnerRole => format!("{SUPERUSER}, or {}", owner_member(global)),
            Self::RuntimeOrOwnerRole => format!(
                "connect as the runtime role of the store, or as a superuser, or {}",
                owner_member(global)
            ),
            Self::Password => format!(
                "{SUPERUSER}, as the role that installed the store, or as the runtime role itself with its present password"
            ),
        }
    }
}

/// A superuser needs no membership. A role that installed the store is no member, and may become one.
fn owner_member(global: &GlobalArgs) -> String {
    format!(
        "as a member of the owner role; the role that installed the store can make itself one: grant {} to current_user",
        quote_identifier(&format!("{}_owner", global.role))
    )
}
