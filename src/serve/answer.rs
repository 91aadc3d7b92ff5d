//! What is sent to a client.

use std::time::Duration;

/// An answer: what HTTP needs of it.
pub(crate) struct Answer {
    /// The status, such as 200.
    pub code: u16,
    /// The media type of the content.
    pub content_type: &'static str,
    /// Further headers.
    pub headers: Vec<(&'static str, String)>,
    /// What is sent.
    pub content: Content,
    /// Whether the content is the events of a watch, a line each: they can also be sent over a WebSocket.
    pub is_watch: bool,
}

/// The content of an answer.
pub(crate) enum Content {
    /// All of it.
    Whole(Vec<u8>),
    /// Pieces, each made when the client has taken the one before.
    Pieces(Box<dyn Pieces>),
}

/// Content that is made piece by piece.
pub(crate) trait Pieces: Send {
    /// Makes the next piece.
    fn next(&mut self) -> Step;
}

/// What [`Pieces::next`] made.
pub(crate) enum Step {
    /// A piece, which may be empty, and there is more.
    Piece(Vec<u8>),
    /// The last piece.
    Last(Vec<u8>),
    /// Nothing yet: to be asked again after this time.
    Wait(Duration),
    /// The content cannot be made to its end, for this reason; the client must see that it is incomplete.
    Broken(String),
}

/// The media type of JSON.
pub(super) const JSON: &str = "application/json";

impl Answer {
    /// A JSON document.
    pub(super) fn json(code: u16, document: Vec<u8>) -> Self {
        Self { code, content_type: JSON, headers: Vec::new(), content: Content::Whole(document), is_watch: false }
    }

    /// A text.
    pub(super) fn text(code: u16, text: impl Into<String>) -> Self {
        let content = Content::Whole(text.into().into_bytes());
        Self { code, content_type: "text/plain; charset=utf-8", headers: Vec::new(), content, is_watch: false }
    }

    /// With a header.
    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let content = match &self.content {
            Content::Whole(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            Content::Pieces(_) => "...".to_owned(),
        };
        write!(f, "{} {} {:?} {content}", self.code, self.content_type, self.headers)
    }
}
