//! Bytes of answers that were made and that their clients have not taken yet, limited for each client and in all.
//!
//! An answer with a length of its own enters and leaves with a share of the limit, which it holds until the last of its bytes is dropped:
//! also while parts of it wait in a connection. Without this a client of HTTP/2 that opens no window would keep as many whole answers in memory
//! as it may have streams. Streams of events have no length: what they keep is limited by their number.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::response::Response;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use parking_lot::Mutex;

use super::caller::ClientKey;
use super::error::limit::LimitError;

/// The fewest bytes of an answer that is counted; so problems are answered whatever is kept.
const COUNTED_BYTES_MIN: u64 = 1024;

/// Limits of the bytes of answers that are not taken, and what is kept now.
pub(crate) struct UntakenBytes {
    /// bytes of all clients
    all_max: u64,
    /// bytes of one client
    client_max: u64,
    kept: Mutex<KeptBytes>,
}

/// Bytes that are kept; a client without any has no entry.
#[derive(Default)]
struct KeptBytes {
    all: u64,
    by_client: HashMap<Option<ClientKey>, u64>,
}

/// A share of the limit, until it is dropped.
struct Share {
    all: Arc<UntakenBytes>,
    client: Option<ClientKey>,
    bytes: u64,
}

/// A body that is counted.
struct CountedBody {
    body: Body,
    share: Arc<Share>,
}

/// A part of a body, which may be kept for longer than the body itself.
struct CountedPart {
    bytes: Bytes,
    _share: Arc<Share>,
}

impl UntakenBytes {
    /// Nothing is kept yet; of `all_max` bytes one client may have `client_max`.
    pub(crate) fn new(all_max: u64, client_max: u64) -> Arc<Self> {
        Arc::new(Self { all_max, client_max, kept: Mutex::default() })
    }

    /// Refuses a request of a client that has to take other answers first, before anything is done for it.
    pub(crate) fn check(&self, client: Option<ClientKey>) -> Result<(), LimitError> {
        let kept = self.kept.lock();
        self.room(&kept, client, 0)
    }

    /// Counts an answer to a client until it was taken. Beyond the limit it is refused if it may be; one to a request that has changed
    /// something may not, since the client would come back and have it done twice.
    pub(crate) fn counted(
        self: &Arc<Self>,
        response: Response,
        client: Option<ClientKey>,
        is_refusable: bool,
    ) -> Result<Response, LimitError> {
        let Some(bytes) = response.body().size_hint().exact().filter(|bytes| *bytes >= COUNTED_BYTES_MIN) else {
            return Ok(response);
        };
        let mut kept = self.kept.lock();
        if is_refusable {
            self.room(&kept, client, bytes)?;
        }
        kept.all += bytes;
        *kept.by_client.entry(client).or_insert(0) += bytes;
        drop(kept);
        let share = Arc::new(Share { all: Arc::clone(self), client, bytes });
        Ok(response.map(|body| Body::new(CountedBody { body, share })))
    }

    /// Looks for room for an answer. Where nothing is kept one has room whatever its length, or it never would.
    fn room(&self, kept: &KeptBytes, client: Option<ClientKey>, bytes: u64) -> Result<(), LimitError> {
        let of_client = kept.by_client.get(&client).copied().unwrap_or(0);
        let is_beyond = |kept: u64, bytes_max: u64| kept > 0 && (kept >= bytes_max || bytes > bytes_max - kept);
        if is_beyond(of_client, self.client_max) {
            return Err(LimitError::TooManyUntakenBytes { bytes_max: self.client_max });
        }
        if is_beyond(kept.all, self.all_max) {
            return Err(LimitError::NoAnswerBytesLeft { bytes_max: self.all_max });
        }
        Ok(())
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut kept = self.all.kept.lock();
        kept.all -= self.bytes;
        let of_client = kept.by_client.get_mut(&self.client).expect("a client with a share has an entry");
        *of_client -= self.bytes;
        if *of_client == 0 {
            kept.by_client.remove(&self.client);
        }
    }
}

impl AsRef<[u8]> for CountedPart {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let polled = Pin::new(&mut self.body).poll_frame(context);
        let counted = |bytes| Bytes::from_owner(CountedPart { bytes, _share: Arc::clone(&self.share) });
        polled.map(|frame| frame.map(|frame| frame.map(|frame| frame.map_data(counted))))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::http::peer::Peer;

    const KIB: usize = 1024;

    fn client(last: u8) -> Option<ClientKey> {
        ClientKey::of(None, Some(Peer::of([192, 0, 2, last].into())))
    }

    fn answer(bytes: usize) -> Response {
        Response::new(Body::from(vec![b'x'; bytes]))
    }

    fn refused(counted: Result<Response, LimitError>) -> LimitError {
        counted.err().expect("an answer beyond a limit")
    }

    #[tokio::test]
    async fn an_answer_is_counted_until_the_last_part_of_it_is_dropped() {
        let all = UntakenBytes::new(u64::MAX, 4 * KIB as u64);
        let mut body = all.counted(answer(4 * KIB), client(1), true).unwrap().into_body();
        assert_eq!(body.size_hint().exact(), Some(4 * KIB as u64), "the length is told as before");
        let frame = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await.unwrap().unwrap();
        let mut part = frame.into_data().unwrap();
        let first = part.split_to(1);
        drop((body, part));
        assert!(matches!(all.check(client(1)), Err(LimitError::TooManyUntakenBytes { .. })), "a byte keeps the whole");
        drop(first);
        assert!(all.check(client(1)).is_ok());
        let kept = all.kept.lock();
        assert_eq!((kept.all, kept.by_client.len()), (0, 0));
    }

    #[test]
    fn a_client_has_so_many_bytes_and_all_have_so_many_and_one_answer_always_has_room() {
        let all = UntakenBytes::new(6 * KIB as u64, 4 * KIB as u64);
        let large = all.counted(answer(9 * KIB), client(1), true).unwrap();
        assert!(matches!(refused(all.counted(answer(KIB), client(1), true)), LimitError::TooManyUntakenBytes { .. }));
        assert!(matches!(refused(all.counted(answer(KIB), client(2), true)), LimitError::NoAnswerBytesLeft { .. }));
        drop(large);
        let held = [3, 1].map(|size| all.counted(answer(size * KIB), client(1), true).unwrap());
        assert!(matches!(refused(all.counted(answer(KIB), client(1), true)), LimitError::TooManyUntakenBytes { .. }));
        let other = all.counted(answer(2 * KIB), client(2), true).unwrap();
        assert!(matches!(refused(all.counted(answer(KIB), client(2), true)), LimitError::NoAnswerBytesLeft { .. }));
        drop((held, other));
        assert!(all.check(client(1)).is_ok() && all.check(client(2)).is_ok());
    }

    #[test]
    fn short_answers_and_those_to_what_was_done_are_not_refused() {
        let all = UntakenBytes::new(2 * KIB as u64, 2 * KIB as u64);
        let _held = all.counted(answer(2 * KIB), client(1), true).unwrap();
        assert!(all.counted(answer(KIB - 1), client(1), true).is_ok());
        let done = all.counted(answer(KIB), client(1), false).unwrap();
        assert_eq!(all.kept.lock().all, 3 * KIB as u64, "it is counted all the same");
        drop(done);
        assert_eq!(all.kept.lock().all, 2 * KIB as u64);
    }
}
