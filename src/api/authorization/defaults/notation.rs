//! How rules are written down here: a line each, `verbs | groups | resources | names`, words between blanks, `-` for the core group. Where
//! `url` stands for the groups, paths follow.

use crate::api::authorization::rule::Rule;

/// Reads rules; blank lines say nothing.
pub fn rules(text: &str) -> Vec<Rule> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(rule).collect()
}

fn rule(line: &str) -> Rule {
    let mut fields = line.split('|').map(|field| field.split_whitespace().map(str::to_owned).collect::<Vec<String>>());
    let mut next = || fields.next().unwrap_or_default();
    let (verbs, mut groups, things, names) = (next(), next(), next(), next());
    if groups == ["url"] {
        return Rule { verbs, urls: things, ..Rule::default() };
    }
    for group in groups.iter_mut().filter(|group| *group == "-") {
        group.clear();
    }
    Rule { verbs, groups, resources: things, names, urls: Vec::new() }
}
