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
    /// To read and change all sessions and the settings.
    OwnerRole,
    /// To call the functions of the application.
    RuntimeRole,
    /// To read the sessions of a user.
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
            Self::OwnerRole => format!(
                "{SUPERUSER}, or as a member of the owner role: grant {} to USER",
                quote_identifier(&format!("{}_owner", global.role))
            ),
            Self::RuntimeRole => "connect as the runtime role of the store, or as a superuser".into(),
            Self::RuntimeOrOwnerRole => {
                "connect as the runtime role of the store, as a member of its owner role, or as a superuser".into()
            }
            Self::Password => format!(
                "{SUPERUSER}, as the role that installed the store, or as the runtime role itself with its present password"
            ),
        }
    }
}
