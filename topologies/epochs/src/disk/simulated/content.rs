//! The bytes of one simulated file: what processes see, and what the platter has.
//!
//! Appends, truncations and syncs enter; [`Content::lose_power`] leaves what a file system may show after a loss of power.

use std::ops::Range;

use super::generator::Generator;

/// A file.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    /// bytes that processes see
    bytes: Vec<u8>,
    /// so many of them are durable
    synced: usize,
    /// durable bytes behind `synced` that were cut off, but not durably
    cut: Vec<u8>,
    /// bytes whose sync failed: the system believes them written, and they never will be
    unwritten: Vec<Range<usize>>,
}

impl Content {
    /// Returns the bytes as processes see them.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Appends bytes, which are not durable.
    pub(super) fn append(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Cuts or extends the file. What is cut of durable bytes may come back after a loss of power.
    pub(super) fn truncate(&mut self, length: usize) {
        if length < self.synced {
            let mut cut = self.bytes[length..self.synced].to_vec();
            cut.append(&mut self.cut);
            self.cut = cut;
            self.synced = length;
        }
        self.bytes.resize(length, 0);
        self.unwritten.retain_mut(|range| {
            range.end = range.end.min(length);
            range.start < range.end
        });
    }

    /// Makes everything durable.
    pub(super) fn sync(&mut self) {
        self.synced = self.bytes.len();
        self.cut.clear();
    }

    /// A sync fails: what it was to write is not written by a later sync either.
    pub(super) fn fail_sync(&mut self) {
        if self.synced < self.bytes.len() {
            self.unwritten.push(self.synced..self.bytes.len());
        }
    }

    /// Puts bytes over others, as far as the file reaches.
    pub(super) fn overwrite(&mut self, offset: usize, bytes: &[u8]) {
        let target = self.bytes.get_mut(offset..).unwrap_or_default();
        let length = target.len().min(bytes.len());
        target[..length].copy_from_slice(&bytes[..length]);
    }

    /// Flips a bit; nothing behind the end of the file.
    pub(super) fn flip_bit(&mut self, offset: usize, bit: u32) {
        if let Some(byte) = self.bytes.get_mut(offset) {
            *byte ^= 1 << (bit % u8::BITS);
        }
    }

    /// Leaves what is found after a loss of power; whether something was lost.
    pub(super) fn lose_power(&mut self, generator: &mut Generator) -> bool {
        let before = self.bytes.clone();
        if !self.cut.is_empty() && generator.one_in(2) {
            self.bytes.truncate(self.synced);
            self.bytes.append(&mut self.cut);
        } else {
            self.tear(generator);
        }
        for range in std::mem::take(&mut self.unwritten) {
            let end = range.end.min(self.bytes.len());
            if range.start >= end {
                continue;
            }
            if end == self.bytes.len() && generator.one_in(2) {
                self.bytes.truncate(range.start);
            } else {
                self.bytes[range.start..end].fill(0);
            }
        }
        self.sync();
        self.bytes != before
    }

    /// Keeps a part of what was not synced. Sometimes the length is written and the bytes are not: then they are zeros.
    fn tear(&mut self, generator: &mut Generator) {
        let unsynced = self.bytes.len() - self.synced;
        let kept = generator.below(unsynced + 1);
        self.bytes.truncate(self.synced + kept);
        if kept > 0 && generator.one_in(4) {
            let written = generator.below(kept);
            self.bytes[self.synced + written..].fill(0);
        }
    }
}
