//! Calls of the functions in the schema `web`: one file for each function, without I/O.
//!
//! A file holds all that the client knows of its function: the statement, the parameters, what the call changes, which row it
//! may wait for, and the decoding of the reply. The types are those of `tokio_postgres`, so that any client can share them.
//!
//! # How to add a function
//!
//! 1. `src/functions/X.rs` has the name of `sql/web/*/X.sql`. [`touch_session`] is the shortest example, [`user_sessions`] one
//!    with many rows, and [`store_status`] one for administrators.
//! 2. A struct holds the arguments. `impl Function` gives [`STATEMENT`](Function::STATEMENT), with `{schema}` where the quoted
//!    schema goes and every column by name, so that a later store may return more columns. One composite value goes through
//!    `composite!`.
//! 3. [`parameters`](Function::parameters) follow `$1`, `$2`, …. A value that the server would refuse is refused before the
//!    struct is made, because an error aborts the caller's transaction.
//! 4. [`decode`](Function::decode) reads the columns by their position in the statement.
//! 5. The line `mod X;` below, and a method of `Store` that passes the struct to `Store::call`.

mod attribute_parameters;
mod call;
mod columns;
mod composite_value;
mod group;
pub(crate) mod json;
mod lifetime_parameters;
pub(crate) mod operations;
mod parameter;
mod reply;
mod report;
mod schema_name;

mod count_sessions;
mod create_session;
mod end_session;
mod end_user_session;
mod end_user_sessions;
mod load_session_value;
mod load_sessions;
mod lock_session;
mod login_session;
mod logout_session;
mod notify_channel;
mod prune_sessions;
mod rotate_session;
mod save_session;
mod save_sessions;
mod session_info;
mod touch_session;
mod user_sessions;

#[cfg(feature = "admin")]
mod configure_store;
#[cfg(feature = "admin")]
mod end_all_sessions;
#[cfg(feature = "admin")]
mod end_session_by_handle;
#[cfg(feature = "admin")]
mod end_user_sessions_except_handle;
#[cfg(feature = "admin")]
mod export_sessions;
#[cfg(feature = "admin")]
mod find_session;
#[cfg(feature = "admin")]
mod import_sessions;
#[cfg(feature = "admin")]
mod store_settings;
#[cfg(feature = "admin")]
mod store_status;

pub(crate) use attribute_parameters::AttributeParameters;
pub(crate) use call::{Call, Function, GroupKind, Waits};
pub(crate) use group::{Admission, Group, GroupLimits, GroupReply, GroupedCall};
pub(crate) use lifetime_parameters::LifetimeParameters;
pub(crate) use reply::Reply;
pub(crate) use report::{report, report_commit, report_group, report_reply};
pub(crate) use schema_name::{SchemaName, quote};

pub(crate) use count_sessions::CountSessions;
pub(crate) use create_session::{CreateReply, CreateSession};
pub(crate) use end_session::EndSession;
pub(crate) use end_user_session::EndUserSession;
pub(crate) use end_user_sessions::EndUserSessions;
pub(crate) use load_session_value::LoadSession;
pub(crate) use lock_session::LockSession;
pub(crate) use login_session::LoginSession;
pub(crate) use logout_session::LogoutSession;
pub(crate) use notify_channel::NotifyChannel;
pub(crate) use prune_sessions::{PruneReply, PruneSessions};
pub(crate) use rotate_session::{ChangeIdReply, RotateSession};
pub(crate) use save_session::{SaveReply, SaveSession};
pub(crate) use session_info::ReadSessionInfo;
pub(crate) use touch_session::{TouchSession, TouchSessionWithLifetime};
pub(crate) use user_sessions::ListUserSessions;

#[cfg(feature = "admin")]
pub(crate) use configure_store::ConfigureStore;
#[cfg(feature = "admin")]
pub use configure_store::SettingChange;
#[cfg(feature = "admin")]
pub(crate) use end_all_sessions::EndAllSessions;
#[cfg(feature = "admin")]
pub(crate) use end_session_by_handle::EndSessionByHandle;
#[cfg(feature = "admin")]
pub(crate) use end_user_sessions_except_handle::EndUserSessionsExceptHandle;
#[cfg(feature = "admin")]
pub(crate) use export_sessions::ExportSessions;
#[cfg(feature = "admin")]
pub(crate) use find_session::FindSession;
#[cfg(feature = "admin")]
pub use find_session::FoundSession;
#[cfg(feature = "admin")]
pub use import_sessions::ImportOutcome;
#[cfg(feature = "admin")]
pub(crate) use import_sessions::{ImportSessions, RecordColumns};
#[cfg(feature = "admin")]
pub(crate) use store_settings::ReadStoreSettings;
#[cfg(feature = "admin")]
pub use store_settings::StoreSetting;
#[cfg(feature = "admin")]
pub(crate) use store_status::ReadStoreStatus;
#[cfg(feature = "admin")]
pub use store_status::StoreStatus;
