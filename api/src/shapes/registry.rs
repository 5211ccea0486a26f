//! The shapes that are followed, by question.
//!
//! Owns [`Shapes`]. A question enters; the [`Shape`] that all of its readers share leaves.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use parking_lot::Mutex;
use sinks::views::IndexId;

use super::error::ShapeError;
use super::fault::ShapeFault;
use super::form::ShapeForm;
use super::limits::{SHAPE_WAIT, SHAPES_MAX, SHAPES_OF_CLIENT_MAX};
use super::memory::ShapesMemory;
use super::question::{Replica, ShapeColumns, ShapeQuestion};
use super::shape::Shape;
use crate::read::conditions::Conditions;
use crate::read::plan::describe_indexes;
use crate::subscriptions::open::Subscriptions;
use crate::subscriptions::planned::PlannedSubscription;
use crate::subscriptions::question::SubscriptionRequest;

/// The shapes of one API, opened by clients with keys of type `K`; clones share them.
#[derive(Clone)]
pub(crate) struct Shapes<K> {
    subscriptions: Subscriptions,
    followed: Arc<Mutex<FollowedShapes<K>>>,
    memory: ShapesMemory,
}

/// All of a question, as it is understood. Shapes are told apart by it, not by a fingerprint: somebody could look for two questions with the
/// same one, and their readers would get the rows of each other.
#[derive(Clone, PartialEq, Eq, Hash)]
struct ShapeIdentity {
    index: IndexId,
    seal: u64,
    conditions: Conditions,
    columns: ShapeColumns,
    replica: Replica,
}

struct FollowedShape<K> {
    shape: Arc<Shape>,
    /// the client that opened it
    opener: Option<K>,
}

struct FollowedShapes<K> {
    shapes: HashMap<ShapeIdentity, FollowedShape<K>>,
}

impl<K: Copy + Eq> Shapes<K> {
    /// Shapes of the views that the subscriptions follow.
    pub(crate) fn new(subscriptions: Subscriptions) -> Self {
        let followed = Arc::new(Mutex::new(FollowedShapes { shapes: HashMap::new() }));
        Self { subscriptions, followed, memory: ShapesMemory::default() }
    }

    /// The shape of a question, which begins to be followed if it is not. While a reader keeps it, it stays.
    pub(crate) fn open(&self, request: &SubscriptionRequest<ShapeQuestion>, opener: Option<K>) -> Result<Arc<Shape>, ShapeError> {
        self.open_at(request, opener, Instant::now())
    }

    /// The same at a given time.
    pub(crate) fn open_at(
        &self,
        request: &SubscriptionRequest<ShapeQuestion>,
        opener: Option<K>,
        now: Instant,
    ) -> Result<Arc<Shape>, ShapeError> {
        // Handles of another run must not be taken for those of this one.
        if self.subscriptions.incarnation() == 0 {
            return Err(ShapeError::Starting);
        }
        loop {
            let planned = PlannedSubscription::new(&self.subscriptions, request)?;
            let view = &planned.served.view;
            if !planned.is_indexed() {
                return Err(ShapeError::NoIndex { view: view.name.clone(), indexes: describe_indexes(view) });
            }
            let form = ShapeForm::new(view, request.question.columns(view)?, request.question.replica);
            match self.find(planned, form, opener, now) {
                Ok(shape) => return Ok(shape),
                Err(ShapeFault::Failed(error)) => return Err(error),
                // A log that begins asks for no past epoch, so the view was replaced in between.
                Err(ShapeFault::NewLog | ShapeFault::Replaced) => {}
            }
        }
    }

    /// The shape of a plan.
    fn find(
        &self,
        planned: PlannedSubscription,
        form: ShapeForm,
        opener: Option<K>,
        now: Instant,
    ) -> Result<Arc<Shape>, ShapeFault> {
        let identity = ShapeIdentity::of(&planned, &form);
        let mut followed = self.followed.lock();
        if let Some(shape) = followed.shapes.get(&identity).map(|found| Arc::clone(&found.shape)) {
            // Whoever continues the log of this shape does not keep the others waiting.
            drop(followed);
            shape.note_use(now);
            shape.take_over(planned)?;
            return Ok(shape);
        }
        followed.make_room(opener, self.memory.is_full(), now)?;
        let digest = self.digest(&planned);
        let shape = Arc::new(Shape::begin(digest, form, planned, self.subscriptions.catalog(), self.memory.part(), now)?);
        followed.shapes.insert(identity, FollowedShape { shape: Arc::clone(&shape), opener });
        Ok(shape)
    }

    /// The name of a plan: the same for the same question to the same index in the same run of the process.
    fn digest(&self, planned: &PlannedSubscription) -> u64 {
        let timeline = self.subscriptions.catalog().views().timeline();
        let numbers = [timeline.0, self.subscriptions.incarnation(), planned.id.0 as u64, planned.seal].map(u64::to_be_bytes);
        self.subscriptions.key().tag(&[b"shape", numbers.as_flattened()])
    }
}

impl ShapeIdentity {
    fn of(planned: &PlannedSubscription, form: &ShapeForm) -> Self {
        let (conditions, columns) = (planned.conditions.clone(), form.columns().clone());
        Self { index: planned.id, seal: planned.seal, conditions, columns, replica: form.replica() }
    }
}

impl<K: Copy + Eq> FollowedShapes<K> {
    /// Makes room for a shape that a client opens: among those of the client, and among all.
    fn make_room(&mut self, opener: Option<K>, is_memory_full: bool, now: Instant) -> Result<(), ShapeError> {
        let is_of_opener = |followed: &FollowedShape<K>| opener.is_some() && followed.opener == opener;
        let of_opener = self.shapes.values().filter(|followed| is_of_opener(followed)).count();
        if of_opener >= SHAPES_OF_CLIENT_MAX && !self.let_go(now, is_of_opener) {
            return Err(ShapeError::TooManyOfClient);
        }
        let is_too_many = self.shapes.len() >= SHAPES_MAX;
        if (is_too_many || is_memory_full) && !self.let_go(now, |_| true) && is_too_many {
            return Err(ShapeError::TooManyShapes);
        }
        Ok(())
    }

    /// Lets the shape go that was used the longest time ago, of those that are meant and that nobody waits at. One that was used a moment ago
    /// stays, since its readers are between two requests; false when there is no other.
    fn let_go(&mut self, now: Instant, is_meant: impl Fn(&FollowedShape<K>) -> bool) -> bool {
        let mut oldest: Option<(&ShapeIdentity, Instant)> = None;
        for (identity, followed) in self.shapes.iter().filter(|(_, followed)| is_meant(followed)) {
            let last_use = followed.shape.last_use();
            let is_idle = Arc::strong_count(&followed.shape) == 1 && now.saturating_duration_since(last_use) >= SHAPE_WAIT;
            if is_idle && oldest.is_none_or(|(_, earliest)| last_use < earliest) {
                oldest = Some((identity, last_use));
            }
        }
        let Some(oldest) = oldest.map(|(identity, _)| identity.clone()) else { return false };
        self.shapes.remove(&oldest).is_some()
    }
}

#[cfg(test)]
mod tests {
    use schemas::field::Value;
    use sinks::views::Views;

    use super::*;
    use crate::shapes::offset::ShapePlace;
    use crate::shapes::shape::ShapeRequest;
    use crate::tests::{TestHealth, TextIngest, config, publish, row, social, text};
    use crate::{ApiState, Readiness};

    fn shapes_of(views: Arc<Views>) -> Shapes<u32> {
        let health = Arc::new(TestHealth(Readiness::Ready));
        let state = ApiState::new(views, Arc::new(TextIngest::default()), health, config());
        Shapes::new(state.subscriptions().clone())
    }

    #[test]
    fn shapes_hold_memory_together_until_they_are_gone() {
        let views = social();
        let shapes = shapes_of(Arc::clone(&views));
        let request = SubscriptionRequest { view: "posts".into(), question: ShapeQuestion::default(), claims: None };
        let shape = shapes.open(&request, None).unwrap();
        let columns = views.view("posts").unwrap().view.columns.clone();
        let post = row(&columns, &[Value::Int(999), Value::Int(1), text(&"x".repeat(10_000)), text("public")]);
        publish(&views, 2, &[("posts", vec![(post, 1)])]);
        assert_eq!(shapes.memory.bytes(), 0, "nobody has asked since");
        let request = ShapeRequest { place: ShapePlace::End, handle: None, expired: None, is_live: false };
        shape.answer(&request, true).unwrap();
        assert!(shapes.memory.bytes() > 10_000, "{} bytes", shapes.memory.bytes());
        shapes.followed.lock().shapes.clear();
        drop(shape);
        assert_eq!(shapes.memory.bytes(), 0);
    }

    #[test]
    fn questions_with_the_same_fingerprint_are_shapes_of_their_own() {
        let shapes = shapes_of(social());
        let find = |condition: &str| {
            let question = ShapeQuestion { condition: Some(condition.to_owned()), ..ShapeQuestion::default() };
            let request = SubscriptionRequest { view: "posts".into(), question, claims: None };
            let mut planned =
                PlannedSubscription::new(&shapes.subscriptions, &request).map_err(|error| error.to_string()).unwrap();
            planned.seal = 7;
            let view = &planned.served.view;
            let form = ShapeForm::new(view, request.question.columns(view).unwrap(), Replica::Changed);
            shapes.find(planned, form, None, Instant::now()).map_err(|_| "a shape is found").unwrap()
        };
        let (one, other) = (find("post_id = 10"), find("post_id = 11"));
        assert!(!Arc::ptr_eq(&one, &other), "two questions share a shape");
        assert!(Arc::ptr_eq(&one, &find("post_id = '10'")), "the same question has another shape");
    }
}
