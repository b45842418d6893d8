use std::error::Error as StdError;
use std::fmt;
use std::net::IpAddr;

use bytes::BytesMut;
use postgres::types::{IsNull, ToSql, Type, to_sql_checked};
use uuid::Uuid;

use crate::session::SessionKey;

/// A parameter of a call.
///
/// It has its own `ToSql` for one reason: the `postgres` crate logs the `Debug` form of every parameter of a prepared statement
/// at level debug, and ours are keys and session data. This one's `Debug` shows the kind only.
#[derive(Clone, Copy)]
pub(crate) enum Parameter<'a> {
    Address(Option<IpAddr>),
    Flag(bool),
    Handle(Uuid),
    Integer(Option<i32>),
    Key(&'a SessionKey),
    OptionalKey(Option<&'a SessionKey>),
    Text(Option<&'a str>),
    Version(i64),
}

impl Parameter<'_> {
    /// The type that the function declares: always stated, so that no statement waits for the server to say.
    pub(crate) fn sql_type(&self) -> Type {
        match self {
            Parameter::Address(_) => Type::INET,
            Parameter::Flag(_) => Type::BOOL,
            Parameter::Handle(_) => Type::UUID,
            Parameter::Integer(_) => Type::INT4,
            Parameter::Key(_) | Parameter::OptionalKey(_) => Type::BYTEA,
            Parameter::Text(_) => Type::TEXT,
            Parameter::Version(_) => Type::INT8,
        }
    }
}

impl ToSql for Parameter<'_> {
    fn to_sql(
        &self,
        sql_type: &Type,
        out: &mut BytesMut,
    ) -> Result<IsNull, Box<dyn StdError + Sync + Send>> {
        match self {
            Parameter::Address(address) => address.to_sql(sql_type, out),
            Parameter::Flag(flag) => flag.to_sql(sql_type, out),
            Parameter::Handle(handle) => handle.to_sql(sql_type, out),
            Parameter::Integer(integer) => integer.to_sql(sql_type, out),
            Parameter::Key(key) => key.as_bytes().as_slice().to_sql(sql_type, out),
            Parameter::OptionalKey(key) => key
                .map(|key| key.as_bytes().as_slice())
                .to_sql(sql_type, out),
            Parameter::Text(text) => text.to_sql(sql_type, out),
            Parameter::Version(version) => version.to_sql(sql_type, out),
        }
    }

    fn accepts(sql_type: &Type) -> bool {
        [
            Type::INET,
            Type::BOOL,
            Type::INT4,
            Type::BYTEA,
            Type::TEXT,
            Type::INT8,
            Type::UUID,
        ]
        .contains(sql_type)
    }

    to_sql_checked!();
}

impl fmt::Debug for Parameter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(…)", self.sql_type())
    }
}
