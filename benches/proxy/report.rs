//! What is printed of the rounds: medians, and how ours compares.

use std::time::Duration;

use crate::load::{Load, Measured};

/// What one proxy did in a round.
pub struct Side {
    pub measured: Measured,
    pub cpu: Duration,
}

/// Both under the same load, one right after the other.
pub struct Round {
    pub ours: Side,
    pub haproxy: Side,
}

/// A figure that is taken of a side.
type Figure = fn(&Side) -> Option<f64>;

pub fn heading(version: &str, rounds: usize) -> String {
    let columns = format!("{:<44} {:>10} {:>10} {:>7}", "", "ours", "HAProxy", "ratio");
    format!("{version}; {rounds} rounds, both in each; medians, and the median of the rounds' ratios\n{columns}")
}

/// Rate, latency and cost under one load.
pub fn lines(load: Load, rounds: Vec<Round>) -> String {
    let figures: Vec<(String, Figure)> = if load.is_bulk() {
        vec![
            (format!("{load}: GiB/s"), |side| Some(side.measured.rate() / f64::from(1 << 30))),
            ("  processor time, ms a GiB".into(), |side| Some(side.cpu.as_secs_f64() * 1e3 / side.measured.amount * f64::from(1 << 30))),
        ]
    } else {
        vec![
            (format!("{load}: /s"), |side| Some(side.measured.rate())),
            ("  p99, µs".into(), |side| Some(side.measured.p99()?.as_secs_f64() * 1e6)),
            ("  processor time, µs each".into(), |side| Some(side.cpu.as_secs_f64() * 1e6 / side.measured.amount)),
        ]
    };
    figures.into_iter().map(|(name, figure)| line(&name, figure, &rounds)).collect::<Vec<_>>().join("\n")
}

fn line(name: &str, figure: Figure, rounds: &[Round]) -> String {
    let of = |side: fn(&Round) -> &Side| median(rounds.iter().filter_map(|round| figure(side(round))).collect());
    let ratio = median(rounds.iter().filter_map(|round| Some(figure(&round.ours)? / figure(&round.haproxy)?)).collect());
    format!("{name:<44} {:>10} {:>10} {ratio:>7.2}", number(of(|round| &round.ours)), number(of(|round| &round.haproxy)))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Three significant digits or whole numbers.
fn number(value: f64) -> String {
    match value {
        value if value >= 100.0 => format!("{value:.0}"),
        value if value >= 10.0 => format!("{value:.1}"),
        value => format!("{value:.2}"),
    }
}
