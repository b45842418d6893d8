/// How long a browser keeps the cookie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CookieLifetime {
    /// As long as the session: "remember me". The cookie has the `Max-Age` of
    /// [`Session::max_age`](connect_pg::Session::max_age), and is sent again when the session's expiry has moved.
    #[default]
    Session,
    /// Until the browser is closed. The cookie has no `Max-Age`.
    ///
    /// A browser that restores its tabs restores such cookies too. So give the session short timeouts as well.
    Browser,
}
