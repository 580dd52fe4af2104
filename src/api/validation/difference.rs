//! What an update would have changed, for people to read.

use serde::Serialize;

/// Lines that are shown around what differs.
const CONTEXT: usize = 3;

/// The lines in which two values differ, as one hunk of a unified diff of their JSON.
pub fn difference(from: &impl Serialize, to: &impl Serialize) -> String {
    let (from, to) = (pretty(from), pretty(to));
    let (from, to): (Vec<&str>, Vec<&str>) = (from.lines().collect(), to.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let head = same(&mut from.iter().zip(&to));
    let tail = same(&mut from[head..].iter().rev().zip(to[head..].iter().rev()));
    let start = head.saturating_sub(CONTEXT);
    let end = |lines: &[&str]| (lines.len() - tail + CONTEXT).min(lines.len());
    let mut lines = vec![format!("@@ -{},{} +{},{} @@", start + 1, end(&from) - start, start + 1, end(&to) - start)];
    lines.extend(from[start..head].iter().map(|line| format!(" {line}")));
    lines.extend(from[head..from.len() - tail].iter().map(|line| format!("-{line}")));
    lines.extend(to[head..to.len() - tail].iter().map(|line| format!("+{line}")));
    lines.extend(from[from.len() - tail..end(&from)].iter().map(|line| format!(" {line}")));
    lines.join("\n") + "\n"
}

fn pretty(value: &impl Serialize) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_difference_shows_what_was_and_what_would_be() {
        let text = difference(&json!({"a": 1, "b": 2}), &json!({"a": 1, "b": 3}));
        assert_eq!(text, "@@ -1,4 +1,4 @@\n {\n   \"a\": 1,\n-  \"b\": 2\n+  \"b\": 3\n }\n");
    }
}
