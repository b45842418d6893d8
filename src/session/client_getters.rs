/// The getters of what is known of a session's client.
macro_rules! client_getters {
    () => {
        /// Returns the address that the session was created or logged in from.
        #[must_use]
        pub fn client_address(&self) -> Option<std::net::IpAddr> {
            self.client_address
        }

        /// Returns the browser that the session was created or logged in with. It comes from the visitor: escape it.
        #[must_use]
        pub fn user_agent(&self) -> Option<&str> {
            self.user_agent.as_deref()
        }

        /// Returns the label.
        #[must_use]
        pub fn label(&self) -> Option<&str> {
            self.label.as_deref()
        }
    };
}

pub(super) use client_getters;
