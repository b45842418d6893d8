use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What was seen of a login, for the error if it fails.
#[derive(Clone, Debug, Default)]
pub(in crate::settings) struct LoginWatch(Arc<Seen>);

#[derive(Debug, Default)]
struct Seen {
    /// The connection has TLS.
    tls: AtomicBool,
    /// The server asked for a client certificate.
    certificate_requested: AtomicBool,
    certificate_sent: AtomicBool,
    /// The server has said something after the TLS handshake.
    replied: AtomicBool,
    /// The server has asked for an authentication.
    asked: AtomicBool,
    /// An exchange with channel binding is under way.
    binding: AtomicBool,
}

impl LoginWatch {
    /// Forgets what another address of the host said: the driver tries each address of a name.
    pub(super) fn begin(&self) {
        for flag in [
            &self.0.tls,
            &self.0.certificate_requested,
            &self.0.certificate_sent,
            &self.0.replied,
            &self.0.asked,
            &self.0.binding,
        ] {
            flag.store(false, Ordering::Relaxed);
        }
    }

    pub(super) fn set_tls(&self) {
        self.0.tls.store(true, Ordering::Relaxed);
    }

    pub(in crate::settings) fn has_tls(&self) -> bool {
        self.0.tls.load(Ordering::Relaxed)
    }

    #[cfg(feature = "tls")]
    pub(super) fn set_certificate_requested(&self, sent: bool) {
        self.0.certificate_requested.store(true, Ordering::Relaxed);
        self.0.certificate_sent.store(sent, Ordering::Relaxed);
    }

    pub(in crate::settings) fn certificate_requested(&self) -> bool {
        self.0.certificate_requested.load(Ordering::Relaxed)
    }

    pub(in crate::settings) fn certificate_sent(&self) -> bool {
        self.0.certificate_sent.load(Ordering::Relaxed)
    }

    pub(super) fn set_replied(&self) {
        self.0.replied.store(true, Ordering::Relaxed);
    }

    pub(super) fn has_replied(&self) -> bool {
        self.0.replied.load(Ordering::Relaxed)
    }

    pub(super) fn set_asked(&self) {
        self.0.asked.store(true, Ordering::Relaxed);
    }

    pub(super) fn was_asked(&self) -> bool {
        self.0.asked.load(Ordering::Relaxed)
    }

    pub(super) fn set_binding(&self, binding: bool) {
        self.0.binding.store(binding, Ordering::Relaxed);
    }

    pub(in crate::settings) fn is_binding(&self) -> bool {
        self.0.binding.load(Ordering::Relaxed)
    }
}
