//! The values of a group in order, as often as they are there: what min, max, lists, texts and the first value are read from.
//!
//! Ordering fields and items enter, the least, the greatest or all items in order leave. Keeps each different value once, or of input that is
//! never retracted the first alone.

use std::collections::BTreeMap;

use schemas::field::{FieldKind, Value};
use schemas::row::{Diff, Row};

use super::error::{AGGREGATE_BYTES_MAX, AGGREGATE_ITEMS_MAX, AggregateError};
use crate::encoding::{Reader, write_bytes, write_signed, write_unsigned};

/// Multiplicity of an entry, and the place in it where the item begins. May be negative for a while: a retraction can come first.
#[derive(Debug)]
struct Count {
    times: Diff,
    item_start: u32,
}

/// A multiset in order. An entry is the ordering fields, inverted where they are descending, followed by the item.
///
/// Invariant: no entry has the count 0, so a multiset that has cancelled is empty. Memory: each different entry once.
#[derive(Debug, Default)]
pub(super) struct Ordered(BTreeMap<Row, Count>);

impl Ordered {
    /// Adds the item `diff` times.
    pub(super) fn add<'a>(&mut self, order: impl Iterator<Item = (&'a [u8], bool)>, item: &[u8], diff: Diff) {
        let (entry, item_start) = entry_of(order, item);
        match self.0.get_mut(&entry) {
            Some(count) => {
                count.times = count.times.wrapping_add(diff);
                if count.times == 0 {
                    self.0.remove(&entry);
                }
            }
            None => drop(self.0.insert(entry, Count { times: diff, item_start })),
        }
    }

    /// The first item.
    pub(super) fn first(&self) -> Option<&[u8]> {
        self.0.iter().find(|(_, count)| count.times > 0).map(item)
    }

    /// The last item.
    pub(super) fn last(&self) -> Option<&[u8]> {
        self.0.iter().rev().find(|(_, count)| count.times > 0).map(item)
    }

    /// All items in order, each as often as it is there or once, to be written with so many bytes between two.
    ///
    /// # Errors
    /// More than [`AGGREGATE_ITEMS_MAX`] items or [`AGGREGATE_BYTES_MAX`] bytes.
    pub(super) fn items<'a>(
        &'a self,
        kind: &FieldKind,
        distinct: bool,
        between: usize,
    ) -> Result<Vec<Value<'a>>, AggregateError> {
        let (mut values, mut bytes) = (Vec::new(), 0_usize);
        for (entry, count) in self.0.iter().filter(|(_, count)| count.times > 0) {
            let times = if distinct { 1 } else { usize::try_from(count.times).unwrap_or(usize::MAX) };
            if values.len().saturating_add(times) > AGGREGATE_ITEMS_MAX {
                return Err(AggregateError::TooManyItems);
            }
            bytes = bytes.saturating_add(times.saturating_mul(item((entry, count)).len() + between));
            if bytes > AGGREGATE_BYTES_MAX {
                return Err(AggregateError::TooManyBytes);
            }
            let value = kind.read(entry.as_bytes(), count.item_start as usize);
            values.extend(std::iter::repeat_n(value, times));
        }
        Ok(values)
    }

    /// The different items in order.
    ///
    /// # Errors
    /// More than [`AGGREGATE_ITEMS_MAX`] items or [`AGGREGATE_BYTES_MAX`] bytes.
    pub(super) fn different(&self) -> Result<Vec<&[u8]>, AggregateError> {
        let items: Vec<&[u8]> = self.0.iter().filter(|(_, count)| count.times > 0).map(item).collect();
        if items.len() > AGGREGATE_ITEMS_MAX {
            return Err(AggregateError::TooManyItems);
        }
        let bytes: usize = items.iter().map(|item| item.len()).sum();
        if bytes > AGGREGATE_BYTES_MAX { Err(AggregateError::TooManyBytes) } else { Ok(items) }
    }

    /// Appends the entries, which [`read`](Self::read) reads.
    pub(super) fn write(&self, out: &mut Row) {
        write_unsigned(self.0.len() as u64, out);
        for (entry, count) in &self.0 {
            write_bytes(entry.as_bytes(), out);
            write_unsigned(u64::from(count.item_start), out);
            write_signed(count.times, out);
        }
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it is something else.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let mut entries = BTreeMap::new();
        for _ in 0..reader.unsigned()? {
            let entry = Row::from_bytes(reader.bytes()?);
            let item_start = u32::try_from(reader.unsigned()?).ok().filter(|start| *start as usize <= entry.len())?;
            entries.insert(entry, Count { times: reader.signed()?, item_start });
        }
        Some(Self(entries))
    }

    /// Returns true if every entry has cancelled.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The first entry so far, of input that is never retracted.
#[derive(Debug, Default)]
pub(super) struct FirstEntry(Option<(Row, u32)>);

impl FirstEntry {
    /// Takes an item in.
    pub(super) fn add<'a>(&mut self, order: impl Iterator<Item = (&'a [u8], bool)>, item: &[u8]) {
        let (entry, item_start) = entry_of(order, item);
        if self.0.as_ref().is_none_or(|(first, _)| entry < *first) {
            self.0 = Some((entry, item_start));
        }
    }

    /// The item of the first entry.
    pub(super) fn item(&self) -> Option<&[u8]> {
        self.0.as_ref().map(|(entry, item_start)| &entry.as_bytes()[*item_start as usize..])
    }

    /// Returns true if nothing came yet.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Appends the entry, which [`read`](Self::read) reads.
    pub(super) fn write(&self, out: &mut Row) {
        out.push(u8::from(self.0.is_some()));
        if let Some((entry, item_start)) = &self.0 {
            write_bytes(entry.as_bytes(), out);
            write_unsigned(u64::from(*item_start), out);
        }
    }

    /// Reads what [`write`](Self::write) wrote; `None` when it is something else.
    pub(super) fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let [is_some] = reader.array()?;
        if is_some == 0 {
            return Some(Self(None));
        }
        let entry = Row::from_bytes(reader.bytes()?);
        let item_start = u32::try_from(reader.unsigned()?).ok().filter(|start| *start as usize <= entry.len())?;
        Some(Self(Some((entry, item_start))))
    }
}

/// The ordering fields, inverted where they are descending, followed by the item; and the place where the item begins.
fn entry_of<'a>(order: impl Iterator<Item = (&'a [u8], bool)>, item: &[u8]) -> (Row, u32) {
    let mut entry = Row::empty();
    for (field, descending) in order {
        let start = entry.len();
        entry.extend(field);
        if descending {
            entry.tail_mut(start).iter_mut().for_each(|byte| *byte = !*byte);
        }
    }
    let item_start = entry.len() as u32;
    entry.extend(item);
    (entry, item_start)
}

/// The item of an entry, behind its ordering fields.
fn item<'a>((entry, count): (&'a Row, &'a Count)) -> &'a [u8] {
    &entry.as_bytes()[count.item_start as usize..]
}
