//! Names of the functions over the rows around a row, which plans hold and operators compute.
//!
//! Owns [`WindowKind`] and [`WindowFrame`]. Definitions alone: nothing is computed here.

use crate::aggregate::AggregateKind;
use crate::numeric::Numeric;

/// The window functions. Rows are those of one partition in the order of the window; rows of equal order are peers.
#[derive(Clone, Debug, PartialEq)]
pub enum WindowKind {
    /// the place of the row, BIGINT from 1 on
    RowNumber,
    /// the place of its first peer, BIGINT
    Rank,
    /// the number of different orders up to its own, BIGINT
    DenseRank,
    /// the rows before its first peer as a part of all others, DOUBLE; 0 for a single row
    PercentRank,
    /// the rows up to its last peer as a part of all, DOUBLE
    CumeDist,
    /// The number of its bucket, INTEGER from 1 on. The buckets are as equal as can be, larger ones first.
    Ntile {
        /// number of buckets, positive
        buckets: i64,
    },
    /// Arguments: a value, and perhaps one that stands for it where there is no such row. The value of the row so many places behind.
    Neighbour {
        /// negative for a row before
        offset: i64,
    },
    /// the value of the first row of the frame
    FirstValue,
    /// the value of the last row of the frame
    LastValue,
    /// the value of a row of the frame
    NthValue {
        /// its place in the frame, from 1 on
        place: i64,
    },
    /// an aggregate over the rows of the frame
    Aggregate(AggregateKind),
}

/// Rows around a row.
#[derive(Clone, Debug, PartialEq)]
pub struct WindowFrame {
    /// the unit in which its bounds are counted
    pub unit: FrameUnit,
    /// its first row
    pub start: FrameBound,
    /// its last row
    pub end: FrameBound,
}

/// Unit of the bounds of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameUnit {
    /// rows
    Rows,
    /// values of the one ordering field; a bound at the current row is at its first or its last peer
    Range,
    /// groups of peers
    Groups,
}

/// Bound of a frame.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameBound {
    /// the first row of the partition
    First,
    /// so far before the row
    Preceding(FrameDistance),
    /// the row
    Current,
    /// so far behind the row
    Following(FrameDistance),
    /// the last row of the partition
    Last,
}

/// Distance of a bound from the row, not negative.
#[derive(Clone, Debug, PartialEq)]
pub enum FrameDistance {
    /// rows, or groups of peers
    Count(u64),
    /// units of the ordering field: whole numbers, the last digit of a decimal with a scale, or microseconds
    Units(i128),
    /// a NUMERIC
    Numeric(Numeric),
    /// a DOUBLE
    Float(f64),
}
