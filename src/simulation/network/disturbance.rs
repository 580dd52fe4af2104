//! What may befall requests.

use std::time::Duration;

use rand::RngExt;

use crate::runtime::entropy::Entropy;

/// Something that befalls the requests of one user, or of all.
#[derive(Clone, Debug)]
pub struct Disturbance {
    /// Whose; everybody's if empty. The name of a part of several control planes stands for that part of each.
    pub user: String,
    pub effect: Effect,
}

/// What befalls them. Rates are of 1.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Each takes up to so long.
    Slow(Duration),
    /// Nothing gets through, either way; watches bring nothing.
    Cut,
    /// Requests arrive, but neither answers nor what a watch brings come back.
    Deaf,
    LostRequests(f64),
    LostAnswers(f64),
    /// What changes something arrives a second time, at once or seconds later.
    Duplicates(f64),
    /// Updates are told that somebody else was first, although nobody was.
    Conflicts(f64),
    /// Watches end, for every event that they carry.
    BrokenWatches(f64),
    /// The same, and their place is lost.
    LostPlaces(f64),
    /// Watches bring nothing: who looks at an informer looks at the past.
    Stale,
    /// What is asked and wished of a lease is answered by what stands in between, as if it had been granted.
    Forged,
}

/// What befalls one request.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fate {
    pub delay: Duration,
    pub request_lost: bool,
    pub answer_lost: bool,
    pub conflict: bool,
}

/// What befalls one event of a watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Carriage {
    Arrives,
    /// Not before something changes.
    Waits,
    Ends,
    /// With 410.
    Expires,
}

impl Disturbance {
    fn concerns(&self, user: &str) -> bool {
        self.user.is_empty() || user.strip_prefix(&*self.user).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }
}

/// What the disturbances that there are make of a request.
pub(super) fn fate<'a>(all: impl Iterator<Item = &'a Disturbance>, user: &str, is_update: bool, chance: &mut Entropy) -> Fate {
    let mut fate = Fate::default();
    for disturbance in all.filter(|disturbance| disturbance.concerns(user)) {
        match disturbance.effect {
            Effect::Slow(most) => fate.delay += most.mul_f64(chance.rng().random_range(0.0..=1.0)),
            Effect::Cut => fate.request_lost = true,
            Effect::Deaf => fate.answer_lost = true,
            Effect::LostRequests(rate) => fate.request_lost |= chance.rng().random_bool(rate),
            Effect::LostAnswers(rate) => fate.answer_lost |= chance.rng().random_bool(rate),
            Effect::Conflicts(rate) => fate.conflict |= is_update && chance.rng().random_bool(rate),
            Effect::Duplicates(_) | Effect::BrokenWatches(_) | Effect::LostPlaces(_) | Effect::Stale | Effect::Forged => {}
        }
    }
    fate
}

/// Whether something else answers than the API.
pub(super) fn forges<'a>(mut all: impl Iterator<Item = &'a Disturbance>, user: &str) -> bool {
    all.any(|disturbance| disturbance.effect == Effect::Forged && disturbance.concerns(user))
}

/// How long after a request that changes something the same arrives once more, if they let it.
pub(super) fn echo<'a>(all: impl Iterator<Item = &'a Disturbance>, user: &str, chance: &mut Entropy) -> Option<Duration> {
    let rates = all.filter(|disturbance| disturbance.concerns(user)).filter_map(|disturbance| match disturbance.effect {
        Effect::Duplicates(rate) => Some(rate),
        _ => None,
    });
    let comes = rates.fold(false, |comes, rate| comes | chance.rng().random_bool(rate));
    // Between a millisecond and ten seconds, each order of magnitude as likely as the next.
    comes.then(|| Duration::from_secs_f64(10_f64.powf(chance.rng().random_range(-3.0..1.0))))
}

/// What they make of the next event of a watch.
pub(super) fn carriage<'a>(all: impl Iterator<Item = &'a Disturbance>, user: &str, chance: &mut Entropy) -> Carriage {
    let mut carriage = Carriage::Arrives;
    for disturbance in all.filter(|disturbance| disturbance.concerns(user)) {
        match disturbance.effect {
            Effect::Cut | Effect::Deaf | Effect::Stale => return Carriage::Waits,
            Effect::BrokenWatches(rate) if chance.rng().random_bool(rate) => carriage = Carriage::Ends,
            Effect::LostPlaces(rate) if chance.rng().random_bool(rate) => carriage = Carriage::Expires,
            _ => {}
        }
    }
    carriage
}
