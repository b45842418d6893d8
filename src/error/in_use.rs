/// What the connections of a pool are in use for, besides calls that wait for the server.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct InUse {
    pub(crate) opening: u32,
    pub(crate) in_closures: u32,
}
