//! Indexes of a job's pods, as text: `1,3-5,7`.

/// In rising order, from and to, both inclusive.
#[derive(Debug, PartialEq, Eq)]
pub struct Indexes(Vec<(i64, i64)>);

impl Indexes {
    /// # Errors
    /// What is wrong, in upstream's words.
    pub fn parse(text: &str, completions: i32) -> Result<Self, String> {
        let mut intervals: Vec<(i64, i64)> = Vec::new();
        if text.is_empty() {
            return Ok(Self(intervals));
        }
        for fragment in text.split(',') {
            let (from, to) = interval(fragment, completions)?;
            if let Some((_, last)) = intervals.last().filter(|(_, last)| *last >= from) {
                return Err(format!("non-increasing order, previous: {last}, current: {from}"));
            }
            intervals.push((from, to));
        }
        Ok(Self(intervals))
    }

    pub fn count(&self) -> i64 {
        self.0.iter().map(|(from, to)| to - from + 1).sum()
    }
}

fn interval(fragment: &str, completions: i32) -> Result<(i64, i64), String> {
    let limits: Vec<&str> = fragment.split('-').collect();
    let index = |text: &str| match text.parse::<i64>() {
        Err(_) => Err(format!("cannot convert string to integer for index: {text:?}")),
        Ok(index) if index >= completions.into() => Err(format!("too large index: {text:?}")),
        Ok(index) => Ok(index),
    };
    match limits[..] {
        [only] => index(only).map(|index| (index, index)),
        [from, to] => match (index(from)?, index(to)?) {
            (from, to) if from >= to => Err(format!("non-increasing order, previous: {from}, current: {to}")),
            both => Ok(both),
        },
        _ => Err(format!(
            "the fragment {fragment:?} violates the requirement that an index interval can have at most two parts separated by '-'"
        )),
    }
}

/// The first index that two texts have in common. Fragments that make no sense are passed over: who judges the form reports them.
pub fn overlap(a: &str, b: &str, completions: i32) -> Option<i64> {
    let read = |text: &str| text.split(',').filter_map(|fragment| interval(fragment, completions).ok()).collect::<Vec<_>>();
    let (a, b) = (read(a), read(b));
    let common = a.iter().flat_map(|a| b.iter().filter(|b| a.0 <= b.1 && b.0 <= a.1).map(|b| a.0.max(b.0)));
    common.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn indexes_rise_and_stay_below_the_completions() {
        assert_eq!(Indexes::parse("", 3).unwrap().count(), 0);
        assert_eq!(Indexes::parse("0,2-4", 5).unwrap().count(), 4);
        for (text, why) in [
            ("5", "too large index: \"5\""),
            ("a", "cannot convert string to integer for index: \"a\""),
            ("1,1", "non-increasing order, previous: 1, current: 1"),
            ("3-3", "non-increasing order, previous: 3, current: 3"),
            ("", ""),
            ("1-2-3", "the fragment \"1-2-3\" violates the requirement that an index interval can have at most two parts separated by '-'"),
        ] {
            assert_eq!(Indexes::parse(text, 5).err().unwrap_or_default(), why, "{text}");
        }
        assert_eq!((overlap("0-2", "2-3", 5), overlap("0,x", "1", 5)), (Some(2), None));
    }
}
