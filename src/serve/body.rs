//! The content of an answer as hyper sends it: a piece when the client has taken the one before.

use std::{
    fmt,
    future::Future as _,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::answer::{Content, Pieces, Step};

/// Content on its way.
pub(super) struct Sent {
    rest: Rest,
    wait: Option<Pin<Box<Sleep>>>,
    /// What is done when an answer cannot be ended.
    broken: Arc<dyn Fn(&str) + Send + Sync>,
}

enum Rest {
    Whole(Bytes),
    Pieces(Box<dyn Pieces>),
}

/// The answer broke off. hyper closes the connection, so that the client sees that it is incomplete.
#[derive(Debug)]
pub(super) struct BrokenOff;

impl fmt::Display for BrokenOff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer cannot be ended")
    }
}

impl std::error::Error for BrokenOff {}

impl Sent {
    pub(super) fn new(content: Content, broken: Arc<dyn Fn(&str) + Send + Sync>) -> Self {
        let rest = match content {
            Content::Whole(bytes) => Rest::Whole(bytes.into()),
            Content::Pieces(pieces) => Rest::Pieces(pieces),
        };
        Self { rest, wait: None, broken }
    }
}

impl Body for Sent {
    type Data = Bytes;
    type Error = BrokenOff;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BrokenOff>>> {
        loop {
            if let Some(wait) = &mut self.wait {
                ready!(wait.as_mut().poll(cx));
                self.wait = None;
            }
            let step = match &mut self.rest {
                Rest::Whole(bytes) if bytes.is_empty() => return Poll::Ready(None),
                Rest::Whole(bytes) => return Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
                Rest::Pieces(pieces) => pieces.next(),
            };
            match step {
                Step::Piece(bytes) if bytes.is_empty() => {
                    // others have their turn first
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Step::Piece(bytes) => return Poll::Ready(Some(Ok(Frame::data(bytes.into())))),
                Step::Last(bytes) => self.rest = Rest::Whole(bytes.into()),
                Step::Wait(time) => self.wait = Some(Box::pin(sleep(time))),
                Step::Broken(why) => {
                    (self.broken)(&why);
                    self.rest = Rest::Whole(Bytes::new());
                    return Poll::Ready(Some(Err(BrokenOff)));
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(&self.rest, Rest::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match &self.rest {
            Rest::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Rest::Pieces(_) => SizeHint::default(),
        }
    }
}
