//! Tickets: secrets that stand for a token once, for pages whose browser sends no header with a stream.
//!
//! The claims of a token enter; a ticket leaves, and gives them back to the first who brings it, within [`TICKET_TIME`] and only as long as
//! the token counts. Tickets are known by their digest, so what is kept here opens nothing. Their number is limited, for each client and in
//! all; one that was used is known as such for a while, for the sake of the answer to whoever brings it again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};

use super::caller::ClientKey;
use super::error::limit::LimitError;
use super::limits::{TICKET_TIME, TICKETS_MAX, TICKETS_PER_CLIENT};
use super::places::{NoPlace, Place, Places};
use super::token::TokenError;
use crate::read::claims::Claims;

/// Random bytes of a ticket: nobody guesses one.
const TICKET_BYTES: usize = 32;
/// Interval at which tickets that have expired are thrown away, as others are issued.
const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

const USED: &str = "it was used already: each stream, also one that begins again, needs a ticket of its own";
const UNKNOWN: &str = "it is not known here: it has expired, or this server has not given it out since its start";

/// Digest of a ticket.
type TicketDigest = [u8; 32];

/// A ticket as it is given out.
pub(crate) struct Ticket {
    /// the secret, in characters that need no encoding in an address
    pub(crate) text: String,
    /// time until it expires, counted from its issue
    pub(crate) lifetime: Duration,
}

/// Tickets that were given out.
pub(crate) struct Tickets {
    places: Arc<Places<Option<ClientKey>>>,
    kept: Mutex<KeptTickets>,
}

struct KeptTickets {
    unused: HashMap<TicketDigest, UnusedTicket>,
    /// the latest that were used, at most [`TICKETS_MAX`]
    used: VecDeque<TicketDigest>,
    /// the same, to be found
    used_digests: HashSet<TicketDigest>,
    swept_at: Instant,
}

struct UnusedTicket {
    claims: Claims,
    /// the only view that it opens; `None` for every stream
    view: Option<String>,
    expires_at: Instant,
    _place: Place<Option<ClientKey>>,
}

impl Tickets {
    /// No tickets yet.
    pub(crate) fn new() -> Self {
        let (unused, used, used_digests) = (HashMap::new(), VecDeque::new(), HashSet::new());
        let kept = KeptTickets { unused, used, used_digests, swept_at: Instant::now() };
        Self { places: Places::new(TICKETS_MAX, TICKETS_PER_CLIENT), kept: Mutex::new(kept) }
    }

    /// Gives out a ticket for claims, to the client that has sent them.
    pub(crate) fn issue(&self, client: Option<ClientKey>, claims: Claims, view: Option<String>) -> Result<Ticket, LimitError> {
        let mut bytes = [0; TICKET_BYTES];
        getrandom::fill(&mut bytes).expect("the system gives out random bytes once it has started");
        let text = URL_SAFE_NO_PAD.encode(bytes);
        let (now, lifetime) = (Instant::now(), lifetime(&claims));
        let mut kept = self.kept.lock();
        kept.sweep(now);
        let place = self.places.take(client).map_err(|refused| match refused {
            NoPlace::ForTheKey => LimitError::TooManyTickets { tickets_max: TICKETS_PER_CLIENT },
            NoPlace::ForAnybody => LimitError::NoTicketsLeft { tickets_max: TICKETS_MAX },
        })?;
        kept.unused.insert(digest(&text), UnusedTicket { claims, view, expires_at: now + lifetime, _place: place });
        Ok(Ticket { text, lifetime })
    }

    /// Returns the claims that a ticket stands for, to be used for a stream: of `view`, or of something that is no view. Whatever comes of it,
    /// the ticket is used then.
    pub(crate) fn redeem(&self, text: &str, view: Option<&str>) -> Result<Claims, TokenError> {
        let digest = digest(text);
        let mut kept = self.kept.lock();
        let Some(ticket) = kept.unused.remove(&digest) else {
            let is_used = kept.used_digests.contains(&digest);
            return Err(TokenError::bad_ticket(if is_used { USED } else { UNKNOWN }));
        };
        kept.note_used(digest);
        drop(kept);
        let UnusedTicket { claims, view: bound, expires_at, .. } = ticket;
        if Instant::now() >= expires_at {
            return Err(TokenError::bad_ticket("it has expired: get one just before the stream is opened"));
        }
        if claims.key().is_withdrawn() {
            return Err(TokenError::key_withdrawn());
        }
        if bound.is_some() && bound.as_deref() != view {
            return Err(TokenError::bad_ticket("it was asked for another view than this"));
        }
        Ok(claims)
    }
}

impl KeptTickets {
    /// Throws away what has expired, so that it takes no place.
    fn sweep(&mut self, now: Instant) {
        if now.duration_since(self.swept_at) >= SWEEP_INTERVAL {
            self.unused.retain(|_, ticket| ticket.expires_at > now);
            self.swept_at = now;
        }
    }

    fn note_used(&mut self, digest: TicketDigest) {
        if self.used.len() == TICKETS_MAX
            && let Some(oldest) = self.used.pop_front()
        {
            self.used_digests.remove(&oldest);
        }
        self.used.push_back(digest);
        self.used_digests.insert(digest);
    }
}

fn digest(text: &str) -> TicketDigest {
    Sha256::digest(text.as_bytes()).into()
}

/// The time for which a ticket for claims is good: no longer than they are.
fn lifetime(claims: &Claims) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |now| now.as_secs_f64());
    // What is too long for a duration is longer than a ticket's time.
    let left = Duration::try_from_secs_f64((claims.expires_at() - now).max(0.0));
    left.map_or(TICKET_TIME, |left| left.min(TICKET_TIME))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::http::peer::Peer;

    fn claims(subject: &str) -> Claims {
        Claims::for_test(json!({ "sub": subject }))
    }

    fn client(subject: &str) -> Option<ClientKey> {
        ClientKey::of(Some(&claims(subject)), None::<Peer>)
    }

    fn words(refused: Result<Claims, TokenError>) -> String {
        refused.err().expect("a ticket that is refused").to_string()
    }

    #[test]
    fn a_ticket_gives_its_claims_back_once() {
        let tickets = Tickets::new();
        let ticket = tickets.issue(client("1"), claims("1"), None).unwrap();
        assert_eq!((ticket.text.len(), ticket.lifetime), (43, TICKET_TIME));
        assert_eq!(tickets.redeem(&ticket.text, None).unwrap().get("sub"), Some(&json!("1")));
        assert!(words(tickets.redeem(&ticket.text, None)).contains("used already"));
        let mut guess = ticket.text.clone();
        guess.pop();
        for unknown in [guess.as_str(), "", "x"] {
            assert!(words(tickets.redeem(unknown, None)).contains("not known here"), "{unknown}");
        }
    }

    #[test]
    fn a_ticket_for_a_view_opens_no_other_stream_and_is_gone_after_the_attempt() {
        let tickets = Tickets::new();
        for other in [Some("posts"), Some("FEED"), None] {
            let ticket = tickets.issue(None, claims("1"), Some("feed".into())).unwrap();
            assert!(words(tickets.redeem(&ticket.text, other)).contains("another view"), "{other:?}");
            assert!(words(tickets.redeem(&ticket.text, Some("feed"))).contains("used already"), "{other:?}");
        }
        let ticket = tickets.issue(None, claims("1"), Some("feed".into())).unwrap();
        assert!(tickets.redeem(&ticket.text, Some("feed")).is_ok());
    }

    #[test]
    fn what_has_expired_is_refused_and_takes_no_place() {
        let tickets = Tickets::new();
        let ticket = tickets.issue(client("1"), claims("1"), None).unwrap();
        for kept in tickets.kept.lock().unused.values_mut() {
            kept.expires_at = Instant::now();
        }
        assert!(words(tickets.redeem(&ticket.text, None)).contains("has expired"));
        tickets.issue(client("1"), claims("1"), None).unwrap();
        let mut kept = tickets.kept.lock();
        let later = kept.swept_at + SWEEP_INTERVAL + TICKET_TIME;
        kept.sweep(later);
        assert_eq!(kept.unused.len(), 0);
        drop(kept);
        let open: Vec<_> = (0..TICKETS_PER_CLIENT).map(|_| tickets.issue(client("1"), claims("1"), None)).collect();
        assert!(open.iter().all(Result::is_ok));
    }

    #[test]
    fn a_client_has_so_many_tickets_and_all_have_so_many_and_used_ones_take_no_place() {
        let tickets = Tickets::new();
        for _ in 0..2 * TICKETS_PER_CLIENT {
            let ticket = tickets.issue(client("1"), claims("1"), None).unwrap();
            assert!(tickets.redeem(&ticket.text, None).is_ok());
        }
        let clients = TICKETS_MAX / TICKETS_PER_CLIENT;
        for subject in 0..clients {
            let (subject, issue) = (subject.to_string(), |subject: &str| tickets.issue(client(subject), claims(subject), None));
            for _ in 0..TICKETS_PER_CLIENT {
                issue(&subject).unwrap();
            }
            let of_client = LimitError::TooManyTickets { tickets_max: TICKETS_PER_CLIENT }.to_string();
            assert!(subject == (clients - 1).to_string() || issue(&subject).err().unwrap().to_string() == of_client);
        }
        let of_all = LimitError::NoTicketsLeft { tickets_max: TICKETS_MAX }.to_string();
        assert_eq!(tickets.issue(client("new"), claims("new"), None).err().unwrap().to_string(), of_all);
        let mut kept = tickets.kept.lock();
        (0..=TICKETS_MAX).for_each(|number| kept.note_used(digest(&number.to_string())));
        assert_eq!((kept.used.len(), kept.used_digests.len()), (TICKETS_MAX, TICKETS_MAX));
        assert!(kept.used.iter().all(|digest| kept.used_digests.contains(digest)), "what is found is what is kept");
    }
}
