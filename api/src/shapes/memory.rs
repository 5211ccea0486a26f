//! Memory that all shapes hold together.
//!
//! Owns [`ShapesMemory`], the sum, and [`ShapeMemory`], the part of one shape, which leaves the sum when it is dropped. While the sum is below its
//! limit a log may be as long as any; beyond it, each log that goes on is cut to an equal share. So no shape is refused because of the
//! length of others.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::limits::{SHAPE_LOG_BYTES_MAX, SHAPE_SHARE_BYTES, SHAPES_BYTES_MAX};

/// Bytes of all shapes; clones share them.
#[derive(Clone, Default)]
pub(super) struct ShapesMemory(Arc<AtomicUsize>);

/// Bytes of one shape.
pub(super) struct ShapeMemory {
    all: ShapesMemory,
    bytes: usize,
}

impl ShapesMemory {
    /// Returns the bytes that the shapes hold.
    pub(super) fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Returns true if the shapes hold more than they should.
    pub(super) fn is_full(&self) -> bool {
        self.bytes() > SHAPES_BYTES_MAX
    }

    /// The part of a shape that holds nothing yet.
    pub(super) fn part(&self) -> ShapeMemory {
        ShapeMemory { all: self.clone(), bytes: 0 }
    }
}

impl ShapeMemory {
    /// Notes how many bytes the shape holds now.
    pub(super) fn set(&mut self, bytes: usize) {
        self.all.0.fetch_add(bytes, Ordering::Relaxed);
        self.all.0.fetch_sub(self.bytes, Ordering::Relaxed);
        self.bytes = bytes;
    }

    /// The most bytes of messages that the log of the shape may remember now.
    pub(super) fn log_bytes_max(&self) -> usize {
        if self.all.is_full() { SHAPE_SHARE_BYTES } else { SHAPE_LOG_BYTES_MAX }
    }
}

impl Drop for ShapeMemory {
    fn drop(&mut self) {
        self.set(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_cut_to_a_share_while_all_shapes_together_hold_too_much() {
        let all = ShapesMemory::default();
        let (mut large, small) = (all.part(), all.part());
        large.set(SHAPES_BYTES_MAX);
        assert_eq!((all.is_full(), small.log_bytes_max()), (false, SHAPE_LOG_BYTES_MAX));
        large.set(SHAPES_BYTES_MAX + 1);
        assert_eq!((all.is_full(), small.log_bytes_max()), (true, SHAPE_SHARE_BYTES));
        drop(large);
        assert_eq!((all.is_full(), small.log_bytes_max()), (false, SHAPE_LOG_BYTES_MAX));
    }
}
