/// The connections of a store's pool at one moment. From [`Store::pool_status`](crate::Store::pool_status).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStatus {
    /// How many connections the pool may hold.
    pub size: u32,
    /// How many are open, or being opened.
    pub open: u32,
    /// How many of those no call uses.
    pub idle: u32,
    /// How many calls wait for a connection.
    pub waiting: u32,
    /// How many calls have waited and got a connection, since the pool was made. Each connection went from its last call to the
    /// one that had waited longest.
    pub hand_offs: u64,
    /// How many times waiting loads or saves shared one call of the database, since the pool was made.
    pub groups: u64,
    /// How many loads and saves those were.
    pub grouped_calls: u64,
    /// The most of them in one call.
    pub largest_group: u32,
}
