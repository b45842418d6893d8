use std::io::{Read, Write};
use std::net::TcpStream;

use crate::wait::PATIENCE;

/// A browser that keeps one cookie.
#[derive(Debug, Clone)]
pub struct Visitor {
    address: String,
    /// `name=value`
    pub cookie: Option<String>,
}

impl Visitor {
    /// Returns a visitor without a cookie.
    #[must_use]
    pub fn new(address: &str) -> Visitor {
        Visitor {
            address: address.to_owned(),
            cookie: None,
        }
    }

    /// Returns a visitor with this cookie.
    #[must_use]
    pub fn with_cookie(&self, cookie: &str) -> Visitor {
        Visitor {
            cookie: Some(cookie.to_owned()),
            ..self.clone()
        }
    }

    /// Gets a page.
    pub fn get(&mut self, path: &str) -> Response {
        self.send("GET", path, "", "")
    }

    /// Gets a page. `headers` are whole lines, each with `\r\n`.
    pub fn get_with(&mut self, path: &str, headers: &str) -> Response {
        self.send("GET", path, headers, "")
    }

    /// Posts a form. `headers` are whole lines, each with `\r\n`.
    pub fn post_with(&mut self, path: &str, headers: &str, form: &str) -> Response {
        let headers = format!("{headers}content-type: application/x-www-form-urlencoded\r\n");
        self.send("POST", path, &headers, form)
    }

    /// Posts a form.
    pub fn post(&mut self, path: &str, form: &str) -> Response {
        self.post_with(path, "", form)
    }

    fn send(&mut self, method: &str, path: &str, headers: &str, body: &str) -> Response {
        let cookie = match &self.cookie {
            Some(cookie) => format!("cookie: other=1; {cookie}\r\n"),
            None => String::new(),
        };
        let request = format!(
            "{method} {path} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n{cookie}{headers}\r\n{body}",
            self.address,
            body.len(),
        );
        let response = send(&self.address, request.as_bytes());
        if let Some(set) = response.header("set-cookie") {
            let (cookie, attributes) = set.split_once("; ").unwrap();
            self.cookie = (!attributes.contains("Max-Age=0;")).then(|| cookie.to_owned());
        }
        response
    }
}

/// The response to one request.
#[derive(Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Response {
    /// Returns the only value of a header.
    #[must_use]
    #[track_caller]
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.iter().filter(|(known, _)| known == name);
        let value = values.next().map(|(_, value)| value.as_str());
        assert!(values.next().is_none(), "{name} twice: {self:?}");
        value
    }
}

/// Sends these bytes and reads until the server closes the connection. The server must respond.
#[must_use]
#[track_caller]
pub fn send(address: &str, request: &[u8]) -> Response {
    try_send(address, request)
        .unwrap_or_else(|| panic!("no response to {:?}", String::from_utf8_lossy(request)))
}

/// Sends as [`send`] does. Returns None if the server closes the connection without a response.
#[must_use]
pub fn try_send(address: &str, request: &[u8]) -> Option<Response> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request).unwrap();
    let mut bytes = Vec::new();
    // A server that has not read all of a refused body resets the connection after its response.
    let _ = stream.read_to_end(&mut bytes);
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status = lines
        .next()?
        .strip_prefix("HTTP/1.1 ")?
        .get(..3)?
        .parse()
        .ok()?;
    let headers = lines
        .map(|line| line.split_once(": ").unwrap())
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    Some(Response {
        status,
        headers,
        body: body.to_owned(),
    })
}
