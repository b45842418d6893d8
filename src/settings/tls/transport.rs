/// How one attempt to connect uses TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::settings) enum Transport {
    Plain,
    /// TLS if the server offers it.
    TlsIfOffered,
    Tls,
}
