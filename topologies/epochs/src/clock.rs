//! The wall clock of epochs: the system's, but never back and never far ahead at once.
//!
//! Owns [`Clock`] and [`WallClock`]. Readings enter, the wall clock to bind leaves. A forward jump would make windows expire for good, so
//! it is held: time goes on at the pace of the monotonic clock until the process is started again by someone who has looked.

/// The longest time between two runs after which the clock is believed without a question.
pub const STOPPED_MICROS_MAX: i64 = 30 * 24 * 60 * 60 * 1_000_000;
/// Most microseconds by which the wall clock may get ahead of the monotonic clock while running.
pub const JUMP_MICROS_MAX: i64 = 60 * 1_000_000;

/// A reading of both clocks, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// since 1970, as the system believes
    pub wall: i64,
    /// since some moment, never set
    pub monotonic: i64,
}

/// Tells the time.
pub trait Clock {
    /// Both clocks now.
    fn read(&self) -> Reading;
}

/// Binds the wall clock of epochs.
#[derive(Clone, Debug)]
pub struct WallClock {
    /// the last wall clock that was bound, microseconds since 1970; none is earlier
    last: i64,
    /// the reading at the last epoch of this run
    read: Option<Reading>,
    held_micros: i64,
}

impl WallClock {
    /// A clock that goes on after an epoch with this wall clock; `None` when there was none.
    pub fn after(last: Option<i64>) -> Self {
        Self { last: last.unwrap_or(i64::MIN), read: None, held_micros: 0 }
    }

    /// Takes a bound epoch's wall clock as the last one.
    pub fn replayed(&mut self, wall: i64) {
        self.last = self.last.max(wall);
    }

    /// The wall clock of the next epoch.
    pub fn bind(&mut self, now: Reading) -> i64 {
        let expected = match self.read {
            Some(read) => self.last.saturating_add(now.monotonic.saturating_sub(read.monotonic).max(0)),
            None => self.last,
        };
        let slack = if self.read.is_some() { JUMP_MICROS_MAX } else { STOPPED_MICROS_MAX };
        let is_first_ever = self.last == i64::MIN;
        let ahead = now.wall.saturating_sub(expected);
        let wall = if !is_first_ever && ahead > slack {
            self.held_micros = ahead;
            expected
        } else {
            self.held_micros = 0;
            now.wall
        };
        self.read = Some(now);
        self.last = if is_first_ever { wall } else { wall.max(self.last.saturating_add(1)) };
        self.last
    }

    /// Returns the microseconds by which the system's clock is ahead of what is bound, because its jump is held; 0 when it is not.
    pub fn held_micros(&self) -> i64 {
        self.held_micros
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn fault_07_a_clock_that_is_set_moves_no_epoch_back_and_expires_nothing() {
        let mut clock = WallClock::after(None);
        let start = 1_700_000_000_000_000;
        let bind =
            |clock: &mut WallClock, wall: i64, monotonic: i64| clock.bind(Reading { wall: start + wall, monotonic }) - start;
        assert_eq!(bind(&mut clock, 0, 0), 0);
        assert_eq!(bind(&mut clock, 1_000_000, 1_000_000), 1_000_000);
        assert_eq!(bind(&mut clock, 1_000_000 - HOUR, 2_000_000), 1_000_001, "an hour back: time stands almost still");
        assert_eq!(bind(&mut clock, HOUR, 3_000_000), 2_000_001, "an hour ahead: the pace of the monotonic clock");
        assert!(clock.held_micros() > HOUR / 2, "the jump is reported");
        assert_eq!(bind(&mut clock, 4_000_000, 4_000_000), 4_000_000, "set right again");
        assert_eq!(clock.held_micros(), 0);
    }

    #[test]
    fn a_stop_of_days_is_believed_and_one_of_months_is_held() {
        let mut clock = WallClock::after(Some(0));
        assert_eq!(clock.clone().bind(Reading { wall: 24 * HOUR, monotonic: 0 }), 24 * HOUR);
        assert_eq!(clock.bind(Reading { wall: 24 * 90 * HOUR, monotonic: 0 }), 1);
        assert!(clock.held_micros() > 0);
    }
}
