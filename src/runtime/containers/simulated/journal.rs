use std::time::Duration;

use bytes::Bytes;

use crate::runtime::containers::LogStream;

/// What a simulated container prints, as a function of the time since its start: nothing of it is kept.
#[derive(Clone, Debug, Default)]
pub(super) struct Journal {
    /// In order of time.
    pub lines: Vec<(Duration, LogStream, Bytes)>,
    /// After those, a line so often; not zero.
    pub every: Option<Duration>,
}

impl Journal {
    /// How many lines have been printed so long after the start.
    pub fn count(&self, elapsed: Duration) -> u64 {
        let fixed = self.lines.partition_point(|(at, ..)| *at <= elapsed);
        let periodic = self.every.map_or(0, |period| elapsed.saturating_sub(self.last_fixed()).as_nanos() / period.as_nanos());
        fixed as u64 + periodic as u64
    }

    /// The line of that number, counted from 0, and when it is printed; `None` if there is never one.
    pub fn line(&self, number: u64) -> Option<(Duration, LogStream, Bytes)> {
        if let Some(line) = self.lines.get(number as usize) {
            return Some(line.clone());
        }
        let tick = number - self.lines.len() as u64 + 1;
        let at = self.last_fixed() + Duration::from_nanos(self.every?.as_nanos() as u64 * tick);
        Some((at, LogStream::Stdout, Bytes::from(format!("tick {tick}\n"))))
    }

    fn last_fixed(&self) -> Duration {
        self.lines.last().map_or(Duration::ZERO, |(at, ..)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_and_the_times_of_lines_agree() {
        let fixed = |millis| (Duration::from_millis(millis), LogStream::Stdout, Bytes::from_static(b"x\n"));
        let journal = Journal { lines: vec![fixed(0), fixed(500)], every: Some(Duration::from_millis(200)) };
        for number in 0..20 {
            let (at, ..) = journal.line(number).unwrap();
            assert_eq!(journal.count(at), number + 1);
            assert_eq!(journal.count(at.saturating_sub(Duration::from_nanos(1))), if at.is_zero() { 1 } else { number });
        }
        assert_eq!(Journal { every: None, ..journal }.line(2), None);
    }
}
