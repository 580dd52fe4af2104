use std::time::Duration;

use crate::runtime::containers::Labels;

/// What happens to a simulated container, from annotations. All keys begin with `sim.kabuki.dev/`. They are looked up on the container, then on
/// its sandbox with `.<container>` appended, then on its sandbox. Durations are numbers with a unit (`250ms`, `1.5s`, `10m`, `2h`).
///
/// | key | meaning |
/// |---|---|
/// | `start-delay` | how long the start takes, instead of the profile's time |
/// | `start-error` | the start fails with this message |
/// | `exit-after` | it ends by itself so long after its start |
/// | `exit-code` | with this code (0) |
/// | `exit-attempts` | only the first so many attempts end by themselves; later ones run on |
/// | `stop-delay` | how long it takes to end once it is asked to stop; beyond the grace period it is killed |
/// | `stop-code` | the code it ends with when asked to stop (0) |
/// | `ready-after` | commands run in it fail until so long after its start |
/// | `exec-code` | the code of commands run in it that are not among the simulated programs (0) |
/// | `cpu-millis` | how much CPU it uses, in thousandths of one (1) |
/// | `memory-bytes` | how much memory it uses (1 MiB); above its limit it is killed for it as soon as it has started |
/// | `log-every` | how often it prints a line |
///
/// A value that cannot be read counts as absent.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Plan {
    pub start_delay: Option<Duration>,
    pub start_error: Option<String>,
    pub exit_after: Option<Duration>,
    pub exit_code: i32,
    /// It is killed for its memory then.
    pub exit_oom_killed: bool,
    /// It does not end when it is asked to: it is killed once its grace is over.
    pub is_deaf: bool,
    pub stop_delay: Option<Duration>,
    pub stop_code: Option<i32>,
    pub ready_after: Duration,
    pub exec_code: i32,
    pub cpu_millis: u64,
    pub memory_bytes: u64,
    pub log_every: Option<Duration>,
}

impl Plan {
    pub fn read(name: &str, attempt: u32, own: &Labels, sandbox: &Labels) -> Self {
        let find = |key: &str| {
            let key = format!("sim.kabuki.dev/{key}");
            own.get(&key).or_else(|| sandbox.get(&format!("{key}.{name}"))).or_else(|| sandbox.get(&key))
        };
        let time = |key: &str| find(key).and_then(|text| duration(text));
        let attempts: u32 = find("exit-attempts").and_then(|text| text.parse().ok()).unwrap_or(u32::MAX);
        Self {
            start_delay: time("start-delay"),
            start_error: find("start-error").cloned(),
            exit_after: time("exit-after").filter(|_| attempt < attempts),
            exit_code: find("exit-code").and_then(|text| text.parse().ok()).unwrap_or(0),
            exit_oom_killed: false,
            is_deaf: false,
            stop_delay: time("stop-delay"),
            stop_code: find("stop-code").and_then(|text| text.parse().ok()),
            ready_after: time("ready-after").unwrap_or_default(),
            exec_code: find("exec-code").and_then(|text| text.parse().ok()).unwrap_or(0),
            cpu_millis: find("cpu-millis").and_then(|text| text.parse().ok()).unwrap_or(1),
            memory_bytes: find("memory-bytes").and_then(|text| text.parse().ok()).unwrap_or(1 << 20),
            log_every: time("log-every").filter(|period| !period.is_zero()),
        }
    }
}

/// A non-negative number and `ms`, `s`, `m` or `h`.
fn duration(text: &str) -> Option<Duration> {
    let unit_at = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(unit_at);
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
        pairs.into_iter().map(|(key, value)| (format!("sim.kabuki.dev/{key}"), value.to_owned())).collect()
    }

    #[test]
    fn the_nearest_annotation_wins() {
        let sandbox = labels([("exit-code", "1"), ("exit-code.web", "2"), ("exit-after", "3s")]);
        assert_eq!(Plan::read("other", 0, &Labels::new(), &sandbox).exit_code, 1);
        assert_eq!(Plan::read("web", 0, &Labels::new(), &sandbox).exit_code, 2);
        let plan = Plan::read("web", 0, &labels([("exit-code", "3")]), &sandbox);
        assert_eq!((plan.exit_code, plan.exit_after), (3, Some(Duration::from_secs(3))));
    }

    #[test]
    fn only_the_first_attempts_end_by_themselves() {
        let sandbox = labels([("exit-after", "1s"), ("exit-attempts", "2")]);
        let ends = |attempt| Plan::read("web", attempt, &Labels::new(), &sandbox).exit_after.is_some();
        assert_eq!([ends(0), ends(1), ends(2)], [true, true, false]);
    }

    #[test]
    fn durations_need_a_number_and_a_unit() {
        let cases = [("250ms", Some(250)), ("1.5s", Some(1500)), ("2m", Some(120_000)), ("1h", Some(3_600_000)), ("0s", Some(0))];
        for (text, millis) in cases {
            assert_eq!(duration(text), millis.map(Duration::from_millis), "{text}");
        }
        for text in ["5", "s", "-1s", "1d", "", "1s2", "NaNs"] {
            assert_eq!(duration(text), None, "{text}");
        }
    }
}
