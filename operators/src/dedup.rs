pub const DEDUPLICATION_WINDOW_MICROS: i64 = 7 * 24 * 3600 * 1_000_000;
pub const DEDUPLICATION_IDS_MAX: usize = 8_000_000;
pub struct DeduplicationWindow {}
impl DeduplicationWindow {
    pub fn new(_window_micros: i64, _ids_max: usize) -> Self { unimplemented!() }
    pub fn first_seen(&mut self, _id: [u8; 16], _occurred_at: i64) -> bool { unimplemented!() }
    pub fn evicted_by_limit(&self) -> u64 { unimplemented!() }
}
