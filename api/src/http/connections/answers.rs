//! Bodies of answers: given to a connection in parts that are small enough for its client to take, within a time.
//!
//! As long as a body is not at its end, and was not given up, its request counts as being answered.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use axum::BoxError;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};

use super::super::event_text::EVENT_STREAM;
use super::super::limits::{ANSWER_PART_BYTES_MAX, ANSWER_TIME_MAX};
use super::activity::Busy;
use super::stalls::StreamProgress;

/// The body of an answer. One that has no end of its own, a stream of events, may last; every other one has to be taken within
/// [`ANSWER_TIME_MAX`].
pub(super) struct AnswerBody {
    body: Body,
    /// rest of a part that was larger than a client is given at once
    rest: Bytes,
    given_up_at: Option<Instant>,
    /// `None` in HTTP/1, where the connection itself shows that its client takes nothing
    progress: Option<Arc<StreamProgress>>,
    _busy: Busy,
}

/// An answer that was not taken in time.
#[derive(Debug, thiserror::Error)]
#[error("the answer was not taken within {} s", ANSWER_TIME_MAX.as_secs())]
struct Overdue;

impl AnswerBody {
    /// Replaces the body of an answer to a request that is being counted.
    pub(super) fn wrap(response: Response, busy: Busy) -> axum::http::Response<Self> {
        let given_up_at = if is_endless(response.headers()) { None } else { Instant::now().checked_add(ANSWER_TIME_MAX) };
        let progress = StreamProgress::current();
        response.map(|body| Self { body, rest: Bytes::new(), given_up_at, progress, _busy: busy })
    }

    /// The next part of what is left of a part.
    fn next_of_rest(&mut self) -> Frame<Bytes> {
        let part = self.rest.split_to(self.rest.len().min(ANSWER_PART_BYTES_MAX));
        Frame::data(part)
    }

    fn poll_part(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        if self.given_up_at.is_some_and(|given_up_at| Instant::now() >= given_up_at) {
            return Poll::Ready(Some(Err(Overdue.into())));
        }
        if !self.rest.is_empty() {
            return Poll::Ready(Some(Ok(self.next_of_rest())));
        }
        let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
            None => return Poll::Ready(None),
            Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
            Some(Ok(frame)) => frame,
        };
        Poll::Ready(Some(Ok(match frame.into_data() {
            Ok(data) => {
                self.rest = data;
                self.next_of_rest()
            }
            Err(trailers) => trailers,
        })))
    }
}

/// Returns true for an answer that goes on for as long as its client likes.
fn is_endless(headers: &HeaderMap) -> bool {
    headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(EVENT_STREAM.as_bytes()))
}

impl HttpBody for AnswerBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let part = self.poll_part(context);
        if let Some(progress) = &self.progress {
            match part {
                Poll::Pending => progress.waits_for_us(),
                Poll::Ready(_) => progress.gave_a_part(),
            }
        }
        part
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (rest, hint) = (self.rest.len() as u64, self.body.size_hint());
        let mut whole = SizeHint::new();
        whole.set_lower(hint.lower().saturating_add(rest));
        if let Some(upper) = hint.upper().and_then(|upper| upper.checked_add(rest)) {
            whole.set_upper(upper);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use axum::http::Version;

    use super::super::activity::Activity;
    use super::*;
    use crate::http::limits::ConnectionLimits;

    const PART: usize = ANSWER_PART_BYTES_MAX;

    fn wrapped(response: Response) -> AnswerBody {
        AnswerBody::wrap(response, Activity::new(ConnectionLimits::default()).begin(Version::HTTP_11)).into_body()
    }

    async fn next(body: &mut AnswerBody) -> Option<Result<Bytes, BoxError>> {
        let frame = poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
        Some(frame.map(|frame| frame.into_data().expect("no trailers")))
    }

    #[tokio::test]
    async fn an_answer_is_given_in_parts_and_keeps_its_length() {
        let mut body = wrapped(Response::new(Body::from(vec![b'x'; 3 * PART + 1])));
        let mut lengths = Vec::new();
        assert_eq!(body.size_hint().exact(), Some(3 * PART as u64 + 1));
        while let Some(part) = next(&mut body).await {
            lengths.push(part.unwrap().len());
            assert_eq!(body.size_hint().exact(), Some((3 * PART + 1 - lengths.iter().sum::<usize>()) as u64));
        }
        assert_eq!((lengths, body.is_end_stream()), (vec![PART, PART, PART, 1], true));
    }

    #[tokio::test]
    async fn an_answer_that_is_no_stream_has_a_time_to_be_taken_in() {
        let mut late = AnswerBody { given_up_at: Some(Instant::now()), ..wrapped(Response::new(Body::from("late"))) };
        let error = next(&mut late).await.unwrap().unwrap_err().to_string();
        assert_eq!(error, "the answer was not taken within 600 s");
        let mut stream = Response::new(Body::from("data: {}\n\n"));
        assert!(wrapped(Response::new(Body::empty())).given_up_at.is_some());
        stream.headers_mut().insert(header::CONTENT_TYPE, EVENT_STREAM.parse().unwrap());
        assert!(wrapped(stream).given_up_at.is_none());
    }
}
