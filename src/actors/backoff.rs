//! How long to wait after failures in a row.

use std::time::Duration;

use rand::RngExt;

use crate::runtime::entropy::Entropy;

/// A delay that doubles with each failure.
#[derive(Clone, Copy, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub first: Duration,
    /// Never more than this, before jitter.
    pub most: Duration,
}

impl Backoff {
    /// The delay after this many failures in a row (at least one), up to half as long again, so that many do not try at once.
    pub fn delay(&self, failures: u32, entropy: &mut Entropy) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let delay = self.first.saturating_mul(1 << doublings).min(self.most);
        delay.mul_f64(entropy.rng().random_range(1.0..1.5))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_doubles_up_to_its_limit_with_jitter_above() {
        let backoff = Backoff { first: Duration::from_millis(100), most: Duration::from_secs(1) };
        let mut entropy = Entropy::from_seed(1);
        for (failures, least) in [(1, 100), (2, 200), (3, 400), (4, 800), (5, 1000), (100, 1000)] {
            let delay = backoff.delay(failures, &mut entropy).as_millis();
            assert!((least..=least * 3 / 2).contains(&delay), "{failures} failures: {delay} ms");
        }
    }
}
