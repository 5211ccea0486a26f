//! The shapes that are followed: which of them stay, which give way, and for whom there is room.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::*;
use crate::shapes::error::ShapeError;
use crate::shapes::limits::{SHAPE_WAIT, SHAPES_MAX, SHAPES_OF_CLIENT_MAX};
use crate::shapes::offset::ShapePlace;
use crate::shapes::question::ShapeQuestion;
use crate::shapes::registry::Shapes;
use crate::shapes::shape::ShapeRequest;
use crate::subscriptions::question::SubscriptionRequest;

/// The state of an API with three things.
fn state_of_things() -> (Arc<Views>, ApiState) {
    let (views, _) = three_things();
    let health = Arc::new(TestHealth(Readiness::Ready));
    (Arc::clone(&views), ApiState::new(views, Arc::new(TextIngest::default()), health, config()))
}

/// A question for the thing with an id; each is a shape of its own.
fn thing_with(id: usize) -> SubscriptionRequest<ShapeQuestion> {
    let question = ShapeQuestion { condition: Some(format!("id = {id}")), ..ShapeQuestion::default() };
    SubscriptionRequest { view: "things".into(), question, claims: None }
}

#[tokio::test]
async fn a_shape_that_gives_way_to_others_is_another_log_when_it_comes_back() {
    let (views, state) = state_of_things();
    let api = router(state.clone());
    let mut reader = ShapeReader::new("table=things&key=id");
    reader.catch_up(&api).await;
    publish(&views, 2, &[("things", vec![(thing(&(4, "dan".into(), 0)), 1)])]);
    let later = Instant::now() + SHAPE_WAIT;
    for id in 0..SHAPES_MAX {
        drop(state.shapes().open_at(&thing_with(id), None, later).unwrap());
    }
    let question = ShapeQuestion { key: Some("id".into()), ..ShapeQuestion::default() };
    let again = SubscriptionRequest { view: "things".into(), question, claims: None };
    drop(state.shapes().open_at(&again, None, later + SHAPE_WAIT).unwrap());
    reader.catch_up(&api).await;
    assert_eq!((reader.refetches, reader.rows.len()), (1, 4));
}

#[test]
fn a_shape_that_readers_wait_at_or_have_asked_for_a_moment_ago_stays() {
    let (_, state) = state_of_things();
    let begun = Instant::now();
    let open = |id, waits| state.shapes().open_at(&thing_with(id), None, begun + SHAPE_WAIT * waits);
    let waiting = open(0, 0).unwrap();
    (1..SHAPES_MAX).for_each(|id| drop(open(id, 0).unwrap()));
    let before = state.shapes().open_at(&thing_with(SHAPES_MAX), None, begun + SHAPE_WAIT - Duration::from_secs(1));
    assert!(matches!(before, Err(ShapeError::TooManyShapes)), "their readers may be between two requests");
    drop(open(SHAPES_MAX, 1).unwrap());
    assert!(Arc::ptr_eq(&waiting, &open(0, 1).unwrap()), "a reader waits at it");
    let all: Vec<_> = (1..SHAPES_MAX).map(|id| open(id, 3).unwrap()).collect();
    assert!(matches!(open(SHAPES_MAX, 9), Err(ShapeError::TooManyShapes)), "readers wait at all of them");
    drop(all);
    open(SHAPES_MAX, 9).unwrap();
}

#[test]
fn an_answer_is_a_use_of_its_shape_as_the_question_was() {
    let (_, state) = state_of_things();
    let shape = state.shapes().open(&thing_with(1), None).unwrap();
    let asked = Instant::now();
    let request = ShapeRequest { place: ShapePlace::Beginning, handle: None, expired: None, is_live: false };
    shape.answer(&request, true).unwrap();
    assert!(shape.last_use() >= asked, "its readers come back behind the answer");
}

#[test]
fn a_client_that_opens_many_shapes_leaves_the_others_room() {
    let (_, state) = state_of_things();
    let shapes: Shapes<u32> = Shapes::new(state.subscriptions().clone());
    let begun = Instant::now();
    let open = |id, client, waits| shapes.open_at(&thing_with(id), Some(client), begun + SHAPE_WAIT * waits);
    (0..SHAPES_OF_CLIENT_MAX).for_each(|id| drop(open(id, 1, 0).unwrap()));
    assert!(matches!(open(SHAPES_OF_CLIENT_MAX, 1, 0), Err(ShapeError::TooManyOfClient)));
    drop(open(0, 1, 0).unwrap());
    let of_other = Arc::downgrade(&open(SHAPES_OF_CLIENT_MAX, 2, 0).unwrap());
    (0..SHAPES_OF_CLIENT_MAX).for_each(|id| drop(open(SHAPES_MAX + id, 1, 1).unwrap()));
    assert!(of_other.upgrade().is_some(), "those of the client give way to it");
}

#[tokio::test]
async fn a_client_with_many_shapes_is_told_so_and_others_are_answered() {
    let (_, state) = state_of_things();
    let api = router(state);
    let uri = |id: usize| format!("/v1/shape?table=things&offset=now&where=id={id}");
    for id in 0..SHAPES_OF_CLIENT_MAX {
        assert_eq!(get_as(&api, &token(1), &uri(id)).await.status, StatusCode::OK);
    }
    let refused = get_as(&api, &token(1), &uri(SHAPES_OF_CLIENT_MAX)).await;
    refused.problem(429, "too_many_client_shapes", None);
    assert_eq!(refused.header("retry-after"), "1");
    assert_eq!(get_as(&api, &token(2), &uri(SHAPES_OF_CLIENT_MAX)).await.status, StatusCode::OK);
}

/// A process that has read its data directory when its number is not 0.
struct StartingHealth(TestHealth, AtomicU64);

impl Health for StartingHealth {
    fn readiness(&self) -> Readiness {
        self.0.readiness()
    }

    fn figures(&self) -> Figures {
        self.0.figures()
    }

    fn measurements(&self) -> Measurements {
        self.0.measurements()
    }

    fn status(&self) -> HostStatus {
        HostStatus { incarnation: self.1.load(Ordering::Relaxed), ..self.0.status() }
    }

    fn lineage(&self) -> Lineage {
        self.0.lineage()
    }
}

#[tokio::test]
async fn shapes_wait_until_the_run_of_the_process_is_known() {
    let (views, _) = three_things();
    let health = Arc::new(StartingHealth(TestHealth(Readiness::Ready), AtomicU64::new(0)));
    let api = router(ApiState::new(views, Arc::new(TextIngest::default()), Arc::clone(&health) as Arc<dyn Health>, config()));
    let uri = "/v1/shape?table=things&offset=-1";
    let refused = get(&api, uri).await;
    refused.problem(503, "starting", None);
    assert_eq!(refused.header("retry-after"), "1");
    health.1.store(4, Ordering::Relaxed);
    assert_eq!(get(&api, uri).await.status, StatusCode::OK);
}
