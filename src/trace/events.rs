use crate::error::Error;

/// Reports that a listener connects again. `attempts` were made before, since it last worked.
pub(crate) fn listener_reconnects(attempts: u32) {
    tracing::warn!(target: "connect_pg", attempts, "a listener lost its connection and connects again");
}

/// Reports that a run of a pruner failed. Returns true if a subscriber of the application takes it.
pub(crate) fn pruning_failed(failures: u32, error: &Error) -> bool {
    tracing::warn!(
        target: "connect_pg",
        failures,
        error_kind = ?error.kind(),
        sqlstate = error.code(),
        error = %error,
        "pruning failed"
    );
    tracing::enabled!(target: "connect_pg", tracing::Level::WARN)
}
