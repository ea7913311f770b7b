//! A time zone: what its clocks show at a moment, and which moment a clock's time is (PostgreSQL 8.5.3 and B.1).
//!
//! The tables come from whoever makes the zone; nothing is read here.

/// Seconds of 400 years, after which calendar and rules repeat.
const CYCLE: i64 = 12_622_780_800;
const DAY: i64 = 86_400;

/// What clocks show for a time: seconds east of Greenwich, and the abbreviation for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalTime {
    pub offset: i32,
    pub name: String,
}

#[derive(Debug, Clone)]
pub struct Zone {
    /// Seconds since 1970, ascending, and the index of the local time from there on.
    changes: Vec<(i64, usize)>,
    /// The first one holds before the first change.
    times: Vec<LocalTime>,
    /// The last 400 years of the table repeat for ever.
    repeats: bool,
    /// Seconds since 1970 of a moment that is now: what times without a date are read by.
    now: i64,
}

impl Zone {
    /// None where there is no local time, an index has none, or the changes are not in order.
    pub fn new(
        changes: Vec<(i64, usize)>,
        times: Vec<LocalTime>,
        repeats: bool,
        now: i64,
    ) -> Option<Zone> {
        let known = changes.iter().all(|(_, index)| *index < times.len());
        let ordered = changes.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let bounded = changes.iter().all(|(at, _)| at.unsigned_abs() < 1 << 62);
        let long = |changes: &[(i64, usize)]| matches!(changes, [first, .., last] if last.0 - first.0 >= CYCLE);
        (!times.is_empty() && known && ordered && bounded && (!repeats || long(&changes)))
            .then_some(Zone {
                changes,
                times,
                repeats,
                now,
            })
    }

    /// The local time at a moment in seconds since 1970.
    pub fn at(&self, moment: i64) -> &LocalTime {
        let moment = moment - self.beyond(moment);
        self.nth(self.changes.partition_point(|(at, _)| *at <= moment))
    }

    /// Seconds east of Greenwich of a clock's time, given as if it were UTC's: of a time that the clocks skip as before the change, of one
    /// that they show twice as after it.
    pub fn offset_of(&self, clock: i64) -> i32 {
        let clock = clock - self.beyond(clock - DAY);
        let next = self.changes.partition_point(|(at, _)| *at <= clock - DAY);
        let before = self.nth(next).offset;
        let Some((change, _)) = self.changes.get(next) else {
            return before;
        };
        let after = self.nth(next + 1).offset;
        let (by_before, by_after) = (clock - i64::from(before), clock - i64::from(after));
        if by_before < *change && by_after < *change {
            before
        } else if (by_before > *change && by_after >= *change) || by_before <= by_after {
            after
        } else {
            before
        }
    }

    /// Seconds east of Greenwich of a time of day today.
    pub fn offset_today(&self, seconds: i64) -> i32 {
        let local = self.now + i64::from(self.at(self.now).offset);
        self.offset_of(local - local.rem_euclid(DAY) + seconds)
    }

    /// Seconds east of Greenwich that an abbreviation stands for; the newest meaning if it had several.
    pub fn named(&self, name: &str) -> Option<i32> {
        self.changes
            .iter()
            .rev()
            .map(|(_, index)| &self.times[*index])
            .chain(&self.times)
            .find(|time| time.name.eq_ignore_ascii_case(name))
            .map(|time| time.offset)
    }

    fn nth(&self, count: usize) -> &LocalTime {
        let index = match count.checked_sub(1) {
            None => 0,
            Some(last) => self.changes[last].1,
        };
        &self.times[index]
    }

    /// What to go back so that a moment lies in the table.
    fn beyond(&self, moment: i64) -> i64 {
        match self.changes.last() {
            Some((last, _)) if self.repeats && moment >= *last => {
                ((moment - last) / CYCLE + 1) * CYCLE
            }
            _ => 0,
        }
    }
}
