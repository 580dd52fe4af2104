//! Deeds that chance chooses.

use std::time::Duration;

use rand::RngExt;

use super::{Deed, Dependents, Side, Span, Step, Which};
use crate::runtime::entropy::Entropy;

/// How wild the days are among which chance chooses: how many deeds an hour has at most.
const MOODS: [u32; 4] = [2, 6, 14, 30];

const DEPENDENTS: [Dependents; 3] = [Dependents::Background, Dependents::Foreground, Dependents::Orphan];

/// How many troubles come together on days on which they do.
const GATHERED: usize = 5;

/// The doings of a day. Each seed's mix differs: some are quiet, some wild, and each knows only some of the deeds in `among`.
pub fn draw(among: &[String], most: u32, during: Duration, chance: &mut Entropy) -> Vec<Step> {
    let mood = MOODS[chance.rng().random_range(0..MOODS.len())].min(most);
    let count = chance.rng().random_range(1..=mood.max(1));
    let known: Vec<&String> = among.iter().filter(|_| chance.rng().random_bool(0.5)).collect();
    let known = if known.is_empty() { among.iter().collect() } else { known };
    let mut steps: Vec<Step> = (0..count)
        .filter_map(|_| {
            let at = Span(Duration::from_millis(chance.rng().random_range(0..=during.as_millis() as u64)));
            let name = known[chance.rng().random_range(0..known.len())];
            Some(Step { at, deed: one(name, chance)? })
        })
        .collect();
    steps.sort_by_key(|step| step.at);
    if chance.rng().random_bool(0.5) {
        gather(&mut steps, chance);
    }
    steps
}

/// Troubles seldom come alone: lets a few in a row fall into one minute, in any order.
fn gather(steps: &mut [Step], chance: &mut Entropy) {
    for few in steps.chunks_mut(GATHERED) {
        let first = few[0].at.0;
        for step in few {
            step.at = Span(first + Duration::from_millis(chance.rng().random_range(0..60_000)));
        }
    }
    steps.sort_by_key(|step| step.at);
}

/// Whether chance can choose a deed of that name.
pub fn can_draw(name: &str) -> bool {
    one(name, &mut Entropy::from_seed(0)).is_some()
}

/// Whether a deed of that name can be done only where one control plane of several leads.
pub fn needs_planes(name: &str) -> bool {
    one(name, &mut Entropy::from_seed(0)).is_some_and(|deed| deed.is_possible_with(1).is_err())
}

/// A deed of that name; `None` for one that chance cannot choose.
fn one(name: &str, chance: &mut Entropy) -> Option<Deed> {
    let pick = chance.rng().random_range(0..1000);
    let node = Which::Number(pick);
    let rate = f64::from(chance.rng().random_range(1..=40_u32)) / 100.0;
    let share = f64::from(chance.rng().random_range(10..=100_u32)) / 100.0;
    // Between an instant and a long outage, on a scale on which each order of magnitude is as likely as the next.
    let mut span = |least: f64, most: f64| {
        let exponent = chance.rng().random_range(least.ln()..=most.ln());
        Span(Duration::from_millis((exponent.exp() * 1000.0) as u64))
    };
    let (short, long, instant) = (span(1.0, 60.0), span(5.0, 600.0), span(0.001, 2.0));
    let nth = chance.rng().random_range(0..40);
    let side = if chance.rng().random_bool(0.5) { Side::Before } else { Side::After };
    let replicas = chance.rng().random_range(0..20);
    let deed = match name {
        "scale" => Deed::Scale { pick: pick.into(), replicas },
        "delete-pod" => Deed::DeletePod { pick },
        "recreate-service" => Deed::RecreateService { pick },
        "recreate-controller" => Deed::RecreateController { pick, dependents: DEPENDENTS[pick as usize / 10 % DEPENDENTS.len()] },
        "drain" => Deed::Drain { node },
        "uncordon" => Deed::Uncordon { node },
        "herd" => Deed::Herd { pods: replicas },
        "crash" => Deed::Crash { down: short },
        "power-loss" => Deed::PowerLoss { down: short },
        "crash-at-request" => {
            let (user, verb, collection) = Default::default();
            Deed::CrashAtRequest { user, verb, collection, subresource: None, nth, side }
        }
        "crash-at-write" => Deed::CrashAtWrite { nth, side },
        "panic" => Deed::Panic { pick },
        "restart-node" => Deed::RestartNode { node },
        "stale" => Deed::Stale { span: short },
        "slow-api" => Deed::SlowApi { most: instant, span: long },
        "lose-requests" => Deed::LoseRequests { rate, span: short },
        "lose-answers" => Deed::LoseAnswers { rate, span: short },
        "duplicate-requests" => Deed::DuplicateRequests { rate, span: short },
        "conflict-storm" => Deed::ConflictStorm { rate, span: short },
        "drop-watches" => Deed::DropWatches { rate, span: long },
        "forget-places" => Deed::ForgetPlaces { rate, span: long },
        "isolate-controllers" => Deed::IsolateControllers { span: long },
        "isolate-scheduler" => Deed::IsolateScheduler { span: long },
        "silence-node" => Deed::SilenceNode { node, span: long },
        "deafen-node" => Deed::DeafenNode { node, span: long },
        "lose-node" => Deed::LoseNode { node, span: long },
        "lose-zone" => Deed::LoseZone { zone: pick.into(), span: long },
        "reboot" => Deed::Reboot { node },
        "engine-outage" => Deed::EngineOutage { node, span: long },
        "registry-outage" => Deed::RegistryOutage { span: long },
        "kill-containers" => Deed::KillContainers { node, share },
        "oom-kill" => Deed::OomKill { node, share },
        "wedge-containers" => Deed::WedgeContainers { node, share },
        "clock-jump" => Deed::ClockJump { seconds: chance.rng().random_range(-600..=600) },
        "skew-clock" => Deed::SkewClock { node, seconds: chance.rng().random_range(-600..=600), span: long },
        "lose-lease" => Deed::LoseLease { pick: pick % 2, span: long },
        "forge-lease" => Deed::ForgeLease { pick: pick % 2, span: long },
        "slow-disk" => Deed::SlowDisk { most: instant, span: long },
        "full-disk" => Deed::FullDisk { span: short },
        "fail-fsync" => Deed::FailFsync {},
        _ => return None,
    };
    Some(deed)
}

#[cfg(test)]
mod tests {
    use super::super::catalogue;
    use super::*;

    #[test]
    fn chance_can_choose_every_deed_that_needs_no_object() {
        let mut chance = Entropy::from_seed(1);
        let names: Vec<String> = catalogue().into_iter().map(|entry| entry.name).collect();
        let not: Vec<&String> = names.iter().filter(|name| one(name, &mut chance).is_none()).collect();
        assert_eq!(not, ["apply", "delete"]);
        for name in names.iter().filter(|name| !not.contains(name)) {
            assert_eq!(one(name, &mut chance).unwrap().name(), *name);
        }
    }
}
