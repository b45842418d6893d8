use tokio_postgres::config::ChannelBinding;

use super::login_watch::LoginWatch;
use super::require_auth::{AuthMethod, RequireAuth};
use crate::error::{TlsError, TlsFailure};

/// The message type of every request to log in.
pub(super) const AUTHENTICATION: u8 = b'R';
/// The message type of an error of the server.
pub(super) const ERROR: u8 = b'E';

// The kinds of such a request. (Protocol, 55.7 "Message Formats")
const OK: u32 = 0;
const CLEARTEXT_PASSWORD: u32 = 3;
const MD5_PASSWORD: u32 = 5;
const SASL: u32 = 10;
const SASL_CONTINUE: u32 = 11;
const SASL_FINAL: u32 = 12;

const SCRAM_SHA_256_PLUS: &[u8] = b"SCRAM-SHA-256-PLUS";

/// What the server may ask for in a login.
#[derive(Clone, Debug)]
pub(in crate::settings) struct LoginRules {
    pub(in crate::settings) require_auth: Option<RequireAuth>,
    pub(in crate::settings) channel_binding: ChannelBinding,
}

impl LoginRules {
    /// Checks a request of the server, before the driver sees it and can reply. Returns true if the login is complete.
    /// `can_bind` is true if this TLS connection has what a channel binding needs.
    pub(super) fn check(
        &self,
        request: &[u8],
        can_bind: bool,
        watch: &LoginWatch,
    ) -> Result<bool, TlsError> {
        let Some((kind, body)) = request.split_first_chunk() else {
            return Ok(true); // The driver refuses it.
        };
        let kind = u32::from_be_bytes(*kind);
        match kind {
            OK if watch.was_asked() => return Ok(true),
            OK => self.check_method(AuthMethod::None)?,
            CLEARTEXT_PASSWORD => self.check_method(AuthMethod::Password)?,
            MD5_PASSWORD => self.check_method(AuthMethod::Md5)?,
            SASL => {
                self.check_method(AuthMethod::ScramSha256)?;
                self.check_binding(body, can_bind, watch)?;
            }
            SASL_CONTINUE => {}
            SASL_FINAL => watch.set_binding(false),
            7 | 8 => self.check_method(AuthMethod::Other("gss"))?,
            9 => self.check_method(AuthMethod::Other("sspi"))?,
            _ => self.check_method(AuthMethod::Other("unknown"))?,
        }
        watch.set_asked();
        Ok(kind == OK)
    }

    fn check_method(&self, method: AuthMethod) -> Result<(), TlsError> {
        let name = method.name();
        let refused_by = self
            .require_auth
            .as_ref()
            .filter(|rule| !rule.allows(method));
        if let Some(rule) = refused_by {
            return Err(TlsError::new(
                TlsFailure::AuthenticationMethod,
                format!(
                    "the server asks for the authentication method {name}, which require_auth={rule} refuses"
                ),
                "change the method in the server's pg_hba.conf, or require_auth",
            ));
        }
        if self.channel_binding == ChannelBinding::Require && method != AuthMethod::ScramSha256 {
            return Err(TlsError::new(
                TlsFailure::ChannelBinding,
                format!(
                    "channel_binding=require needs the authentication method scram-sha-256, and the server asks for {name}"
                ),
                "change the method in the server's pg_hba.conf, or set channel_binding=prefer",
            ));
        }
        Ok(())
    }

    /// Checks the SASL mechanisms that the server offers, each with a zero byte behind it.
    fn check_binding(
        &self,
        mechanisms: &[u8],
        can_bind: bool,
        watch: &LoginWatch,
    ) -> Result<(), TlsError> {
        let offered = mechanisms
            .split(|&byte| byte == 0)
            .any(|mechanism| mechanism == SCRAM_SHA_256_PLUS);
        let binds = offered && can_bind && self.channel_binding != ChannelBinding::Disable;
        watch.set_binding(binds);
        if binds || self.channel_binding != ChannelBinding::Require {
            return Ok(());
        }
        let reason = if offered {
            "the signature of the server's certificate has no hash function (Ed25519, for example)"
        } else {
            "the server does not offer it (SCRAM-SHA-256-PLUS)"
        };
        Err(TlsError::new(
            TlsFailure::ChannelBinding,
            format!("channel_binding=require is impossible, because {reason}"),
            "give the server TLS and a certificate with an RSA or \
                 ECDSA signature, or set channel_binding=prefer",
        ))
    }
}
