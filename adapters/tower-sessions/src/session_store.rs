use crate::store::Failure;

/// What the errors of tower-sessions can carry: a text.
impl Failure {
    fn text(&self) -> String {
        match self {
            Failure::Store(error) => error.to_string(),
            Failure::NewUserWithOldId => {
                "the session has another user than its data. Call session.cycle_id() before the login".to_owned()
            }
        }
    }

    fn is_invalid_data(&self) -> bool {
        matches!(self, Failure::Store(error) if error.is_invalid_data())
    }
}

/// Implements the traits of one version of tower-sessions.
macro_rules! implement_session_store {
    ($version:ident) => {
        const _: () = {
            use async_trait::async_trait;
            use $version::session::{Id, Record};
            use $version::session_store::{Error, ExpiredDeletion, Result, SessionStore};

            use crate::store::ConnectPgStore;

            #[async_trait]
            impl SessionStore for ConnectPgStore {
                async fn create(&self, record: &mut Record) -> Result<()> {
                    let draw = || Id::default().to_string();
                    let created = self
                        .create_record(
                            record.id.to_string(),
                            draw,
                            &record.data,
                            record.expiry_date,
                        )
                        .await
                        .map_err(encoding)?;
                    record.id = created.parse().map_err(|_| {
                        Error::Backend("a session has an id that is none".to_owned())
                    })?;
                    Ok(())
                }

                async fn save(&self, record: &Record) -> Result<()> {
                    self.save_record(&record.id.to_string(), &record.data, record.expiry_date)
                        .await
                        .map_err(encoding)
                }

                async fn load(&self, id: &Id) -> Result<Option<Record>> {
                    let loaded = self.load_record(&id.to_string()).await.map_err(decoding)?;
                    Ok(loaded.map(|(data, expiry_date)| Record {
                        id: *id,
                        data,
                        expiry_date,
                    }))
                }

                async fn delete(&self, id: &Id) -> Result<()> {
                    self.delete_record(&id.to_string()).await.map_err(backend)
                }
            }

            #[async_trait]
            impl ExpiredDeletion for ConnectPgStore {
                async fn delete_expired(&self) -> Result<()> {
                    self.delete_expired_records().await.map_err(backend)
                }
            }

            fn encoding(failure: Failure) -> Error {
                if failure.is_invalid_data() {
                    Error::Encode(failure.text())
                } else {
                    backend(failure)
                }
            }

            fn decoding(failure: Failure) -> Error {
                if failure.is_invalid_data() {
                    Error::Decode(failure.text())
                } else {
                    backend(failure)
                }
            }

            #[allow(clippy::needless_pass_by_value, reason = "for map_err")]
            fn backend(failure: Failure) -> Error {
                Error::Backend(failure.text())
            }
        };
    };
}

implement_session_store!(tower_sessions_core);
#[cfg(feature = "tower-sessions-0-14")]
implement_session_store!(tower_sessions_core_0_14);
