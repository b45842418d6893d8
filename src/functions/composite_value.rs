use tokio_postgres::Row;
use tokio_postgres::types::{FromSql, Type};

use crate::error::Error;
use crate::functions::columns::Columns;

/// The statement that selects a function's one composite value.
///
/// As a row it would be stored in a table of the call first. As a value of its own type it would need the type's description,
/// by a statement that the driver prepares. So it is sent as bytes, in the format of the type.
macro_rules! composite {
    ($call:literal) => {
        concat!("select pg_catalog.record_send(", $call, ")")
    };
}
pub(crate) use composite;

/// A composite value, as `composite!` selects it.
///
/// A later version of a function only adds attributes at the end of its type, so each has its position for good.
pub(crate) struct CompositeValue(Row);

impl CompositeValue {
    /// Returns the value in the first column, if it is not null.
    pub(crate) fn from_row(row: Row) -> Result<Option<CompositeValue>, Error> {
        let is_null = row.read::<Option<&[u8]>>(0)?.is_none();
        Ok((!is_null).then_some(CompositeValue(row)))
    }
}

impl Columns for CompositeValue {
    fn read<'a, T: FromSql<'a>>(&'a self, index: usize) -> Result<T, Error> {
        let (attribute_type, value) = attribute(self.0.read(0)?, index)
            .ok_or_else(|| Error::attribute("the value ends early".into()))?;
        if !T::accepts(&attribute_type) {
            return Err(Error::attribute(
                format!("its type is {attribute_type}").into(),
            ));
        }
        T::from_sql_nullable(&attribute_type, value).map_err(Error::attribute)
    }
}

/// Finds an attribute in the binary format of composite values: their number; of each its type, its length or -1, its bytes.
fn attribute(mut bytes: &[u8], index: usize) -> Option<(Type, Option<&[u8]>)> {
    let count = take_integer(&mut bytes)?;
    if index >= usize::try_from(count).ok()? {
        return None;
    }
    for _ in 0..index {
        take_attribute(&mut bytes)?;
    }
    let (type_id, value) = take_attribute(&mut bytes)?;
    Some((Type::from_oid(type_id).unwrap_or(Type::UNKNOWN), value))
}

/// Returns the first attribute of a value, if it is a text.
pub(crate) fn first_text(value: &[u8]) -> Option<&str> {
    match attribute(value, 0)? {
        (Type::TEXT, Some(text)) => std::str::from_utf8(text).ok(),
        _ => None,
    }
}

fn take_attribute<'a>(bytes: &mut &'a [u8]) -> Option<(u32, Option<&'a [u8]>)> {
    let type_id = take_integer(bytes)?;
    let length = take_integer(bytes)?;
    if length == u32::MAX {
        return Some((type_id, None));
    }
    let (value, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some((type_id, Some(value)))
}

fn take_integer(bytes: &mut &[u8]) -> Option<u32> {
    let (integer, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_be_bytes(*integer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What PostgreSQL 15 returns for `record_send(row('a'::text, null::int8, 7::int8))`.
    const VALUE: &[u8] = b"\0\0\0\x03\0\0\0\x19\0\0\0\x01a\0\0\0\x14\xff\xff\xff\xff\0\0\0\x14\0\0\0\x08\0\0\0\0\0\0\0\x07";

    #[test]
    fn attributes_by_position() {
        assert_eq!(attribute(VALUE, 0), Some((Type::TEXT, Some(&b"a"[..]))));
        assert_eq!(attribute(VALUE, 1), Some((Type::INT8, None)));
        assert_eq!(
            attribute(VALUE, 2),
            Some((Type::INT8, Some(&7_i64.to_be_bytes()[..])))
        );
        assert_eq!(attribute(VALUE, 3), None);
    }

    #[test]
    fn first_text_is_that_of_a_text() {
        assert_eq!(first_text(VALUE), Some("a"));
        assert_eq!(
            first_text(b"\0\0\0\x01\0\0\0\x14\0\0\0\x08\0\0\0\0\0\0\0\x07"),
            None
        );
    }

    #[test]
    fn no_value_that_is_cut_short_is_read() {
        for length in 0..VALUE.len() {
            assert_eq!(attribute(&VALUE[..length], 2), None);
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes: Vec<u8>, index in 0..20_usize) {
            let _ = attribute(&bytes, index);
        }
    }
}
