//! The order of versions: what is stable first, then beta, then alpha, the newest of each first; other names last, in the order of the alphabet
//! (<https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/#version-priority>).

use std::cmp::Reverse;

/// Orders before another whose versions come later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stability {
    Stable(Reverse<u64>),
    /// Of which version, and which beta of it.
    Beta(Reverse<u64>, Reverse<u64>),
    Alpha(Reverse<u64>, Reverse<u64>),
    Unknown,
}

impl Stability {
    pub fn of(version: &str) -> Self {
        Self::parsed(version).unwrap_or(Self::Unknown)
    }

    fn parsed(version: &str) -> Option<Self> {
        let rest = version.strip_prefix('v')?;
        let number = |text: &str| {
            let is_plain = !text.is_empty() && !text.starts_with('0') && text.bytes().all(|byte| byte.is_ascii_digit());
            text.parse().ok().filter(|_| is_plain).map(Reverse)
        };
        if let Some((major, minor)) = rest.split_once("beta") {
            return Some(Self::Beta(number(major)?, number(minor)?));
        }
        if let Some((major, minor)) = rest.split_once("alpha") {
            return Some(Self::Alpha(number(major)?, number(minor)?));
        }
        Some(Self::Stable(number(rest)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_in_the_order_of_their_stability() {
        let mut versions =
            ["foo10", "v1", "v12alpha1", "v10", "v11beta2", "v2", "v3beta1", "foo1", "v10beta3", "v11alpha2", "v01", "v1beta"];
        versions.sort_by_key(|version| (Stability::of(version), *version));
        let expected = ["v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10", "v01", "v1beta"];
        assert_eq!(versions, expected);
    }
}
