//! The order of a merged list: the patch's for what it names, the object's for the rest.

use serde_json::Value;

/// What tells items apart: the item itself, or the value of its merge key.
pub(super) fn identity<'a>(item: &'a Value, merge_key: Option<&str>) -> Option<&'a Value> {
    match merge_key {
        None => Some(item),
        Some(key) => item.get(key),
    }
}

/// Where an item stands in a list.
pub(super) fn position(list: &[Value], item: &Value, merge_key: Option<&str>) -> Option<usize> {
    let wanted = identity(item, merge_key)?;
    list.iter().position(|other| identity(other, merge_key) == Some(wanted))
}

/// Orders merged items: those in `wanted` as they stand there, and between them the others as near to their places in `live` as that allows.
pub(super) fn arrange(merged: Vec<Value>, wanted: &[Value], live: &[Value], merge_key: Option<&str>) -> Vec<Value> {
    let (mut named, mut others): (Vec<_>, Vec<_>) = merged
        .into_iter()
        .map(|item| (position(wanted, &item, merge_key), position(live, &item, merge_key), item))
        .partition(|(in_patch, _, _)| in_patch.is_some());
    named.sort_by_key(|(in_patch, _, _)| *in_patch);
    others.sort_by_key(|(_, in_live, _)| in_live.unwrap_or(usize::MAX));
    let mut arranged = Vec::with_capacity(named.len() + others.len());
    let mut others = others.into_iter().peekable();
    for (_, in_live, item) in named {
        while let (Some(place), Some(next)) = (in_live, others.peek().and_then(|(_, place, _)| *place)) {
            if next >= place {
                break;
            }
            arranged.extend(others.next().map(|(_, _, item)| item));
        }
        arranged.push(item);
    }
    arranged.extend(others.map(|(_, _, item)| item));
    arranged
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn list(text: &str) -> Vec<Value> {
        text.chars().map(|c| json!(c.to_string())).collect()
    }

    #[test]
    fn the_patch_orders_what_it_names_and_the_object_the_rest() {
        for (merged, wanted, live, expected) in [
            ("abc", "", "abc", "abc"),
            ("abcx", "x", "abc", "xabc"),
            ("abc", "ca", "abc", "bca"),
            ("abcx", "cxa", "abc", "bcxa"),
            ("abcd", "b", "abcd", "abcd"),
        ] {
            assert_eq!(arrange(list(merged), &list(wanted), &list(live), None), list(expected), "{merged} by {wanted}");
        }
    }
}
