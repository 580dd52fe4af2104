//! Lists and sets (Kubernetes' `lists`, cel-go's `ext.Lists` and `ext.Sets`).

use std::cmp::Ordering;

use super::{Fault, Function, Outcome, Price, function, no_overload, operator};
use crate::api::expression::value::{List, Val};

/// How many numbers may be made at once.
const LONGEST_RANGE: i64 = 1_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    function(".isSorted", Price::Items, |of| {
        listed(of, |list| {
            let sorted = items(list).windows(2).map(|pair| pair[0].compare(&pair[1]).map(Ordering::is_le)).collect::<Option<Vec<_>>>();
            sorted.map(|pairs| Val::Bool(pairs.into_iter().all(|one| one))).ok_or(Fault::NoSuchOverload)
        })
    }),
    function(".sum", Price::Items, |of| {
        listed(of, |list| {
            let mut items = list.iter();
            let Some(first) = items.next() else { return Ok(Val::Int(0)) };
            items.try_fold(first, |sum, item| operator::add(&[sum, item]))
        })
    }),
    function(".min", Price::Items, |of| listed(of, |list| extreme(list, "min", Ordering::Less))),
    function(".max", Price::Items, |of| listed(of, |list| extreme(list, "max", Ordering::Greater))),
    function(".sort", Price::Items, |of| listed(of, sort)),
    function(".distinct", Price::Pairs, |of| {
        listed(of, |list| {
            let mut distinct: Vec<Val> = Vec::new();
            list.iter().for_each(|item| {
                if !distinct.contains(&item) {
                    distinct.push(item)
                }
            });
            Ok(Val::list(distinct))
        })
    }),
    function(".first", Price::One, |of| listed(of, |list| Ok(list.get(0).map_or(Val::Optional(None), Val::some)))),
    function(".last", Price::One, |of| {
        listed(of, |list| Ok(list.len().checked_sub(1).and_then(|last| list.get(last)).map_or(Val::Optional(None), Val::some)))
    }),
    function(".flatten", Price::Items, |of| match of {
        [Val::List(list)] => Ok(Val::list(flat(list, 1))),
        [Val::List(_), Val::Int(depth)] if *depth < 0 => Err(Fault::new("level must be non-negative")),
        [Val::List(list), Val::Int(depth)] => Ok(Val::list(flat(list, (*depth).min(32)))),
        _ => no_overload(),
    }),
    function(".slice", Price::Items, slice),
    function("lists.range", Price::One, |of| match of {
        [Val::Int(count)] if *count > LONGEST_RANGE => Err(Fault::TooCostly),
        [Val::Int(count)] => Ok(Val::list((0..*count).map(Val::Int).collect())),
        _ => no_overload(),
    }),
    function("sets.contains", Price::Pairs, |of| both(of, |a, b| has_all(a, b))),
    function("sets.equivalent", Price::Pairs, |of| both(of, |a, b| has_all(a, b) && has_all(b, a))),
    function("sets.intersects", Price::Pairs, |of| both(of, |a, b| b.iter().any(|item| a.contains(item)))),
];

fn items<'a>(list: &List<'a>) -> Vec<Val<'a>> {
    list.iter().collect()
}

fn listed<'a>(of: &[Val<'a>], give: impl Fn(&List<'a>) -> Outcome<'a>) -> Outcome<'a> {
    if let [Val::List(list)] = of { give(list) } else { no_overload() }
}

fn both<'a>(of: &[Val<'a>], holds: fn(&[Val<'a>], &[Val<'a>]) -> bool) -> Outcome<'a> {
    if let [Val::List(a), Val::List(b)] = of { Ok(Val::Bool(holds(&items(a), &items(b)))) } else { no_overload() }
}

fn has_all(list: &[Val], wanted: &[Val]) -> bool {
    wanted.iter().all(|item| list.contains(item))
}

fn extreme<'a>(list: &List<'a>, name: &str, wanted: Ordering) -> Outcome<'a> {
    let mut items = list.iter();
    let first = items.next().ok_or_else(|| Fault::new(format!("{name} called on empty list")))?;
    items.try_fold(first, |best, item| match item.compare(&best) {
        None => no_overload(),
        Some(order) => Ok(if order == wanted { item } else { best }),
    })
}

fn sort<'a>(list: &List<'a>) -> Outcome<'a> {
    let mut sorted = items(list);
    if sorted.windows(2).any(|pair| pair[0].compare(&pair[1]).is_none()) {
        return no_overload();
    }
    sorted.sort_by(|a, b| a.compare(b).unwrap_or(Ordering::Equal));
    Ok(Val::list(sorted))
}

pub(super) fn reverse<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    listed(of, |list| Ok(Val::list(items(list).into_iter().rev().collect())))
}

pub(super) fn index_of<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [Val::List(list), wanted] = of else { return no_overload() };
    Ok(Val::Int(list.iter().position(|item| item == *wanted).map_or(-1, |at| at as i64)))
}

pub(super) fn last_index_of<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [Val::List(list), wanted] = of else { return no_overload() };
    Ok(Val::Int(items(list).iter().rposition(|item| item == wanted).map_or(-1, |at| at as i64)))
}

fn flat<'a>(list: &List<'a>, depth: i64) -> Vec<Val<'a>> {
    let mut flattened = Vec::new();
    for item in list.iter() {
        match item {
            Val::List(inner) if depth > 0 => flattened.extend(flat(&inner, depth - 1)),
            other => flattened.push(other),
        }
    }
    flattened
}

fn slice<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [Val::List(list), Val::Int(from), Val::Int(to)] = of else { return no_overload() };
    let length = list.len() as i64;
    match (from, to) {
        (from, to) if *from < 0 || *to < 0 => Err(Fault::new(format!("cannot slice({from}, {to}), negative indexes not supported"))),
        (from, to) if from > to => {
            Err(Fault::new(format!("cannot slice({from}, {to}), start index must be less than or equal to end index")))
        }
        (from, to) if length < *to => Err(Fault::new(format!("cannot slice({from}, {to}), list is length {length}"))),
        (from, to) => Ok(Val::list(items(list)[*from as usize..*to as usize].to_vec())),
    }
}
