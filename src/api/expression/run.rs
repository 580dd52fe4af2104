//! Evaluation.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::cost::Budget;
use super::node::{Each, Fold, Node, What};
use super::value::{Entries, List, MapKey, Val};
use super::{Bindings, Fault};

type Outcome<'a> = Result<Val<'a>, Fault>;

const LIST_COST: u64 = 10;
const MAP_COST: u64 = 30;

pub fn run<'a>(node: &'a Node, bindings: &Bindings<'a>, budget: &mut Budget) -> Outcome<'a> {
    Run { bindings, budget, locals: Vec::new() }.node(node)
}

struct Run<'r, 'a> {
    bindings: &'r Bindings<'a>,
    budget: &'r mut Budget,
    /// What is bound, innermost last. What a comprehension gathers may be an error that a later item makes up for.
    locals: Vec<Outcome<'a>>,
}

impl<'a> Run<'_, 'a> {
    fn node(&mut self, node: &'a Node) -> Outcome<'a> {
        match node {
            Node::Const(value) => Ok(value.clone()),
            Node::Root(place) => {
                self.budget.spend(1)?;
                self.bindings.roots.get(*place).cloned().ok_or_else(|| Fault::new("no such attribute(s)"))
            }
            Node::Local(place) => {
                self.budget.spend(1)?;
                self.locals[*place].clone()
            }
            Node::Variable(place) => self.variable(*place),
            Node::Select(of, field) => {
                let of = self.node(of)?;
                self.budget.spend(1)?;
                select(&of, field)
            }
            Node::Has(of, field) => {
                let of = self.node(of)?;
                self.budget.spend(1)?;
                Ok(Val::Bool(has(&of, field)))
            }
            Node::Index(parts) => {
                let (of, key) = (self.node(&parts[0])?, self.node(&parts[1])?);
                self.budget.spend(1)?;
                index(&of, &key)
            }
            Node::Maybe(parts) => {
                let (of, key) = (self.node(&parts[0])?, self.node(&parts[1])?);
                self.budget.spend(1)?;
                maybe(of, &key)
            }
            Node::List(items) => self.list(items),
            Node::Map(entries) => self.map(entries),
            Node::Not(of) => {
                self.budget.spend(1)?;
                if let Val::Bool(truth) = self.node(of)? { Ok(Val::Bool(!truth)) } else { Err(Fault::NoSuchOverload) }
            }
            Node::NotFalse(of) => {
                self.budget.spend(1)?;
                match self.node(of) {
                    Ok(Val::Bool(truth)) => Ok(Val::Bool(truth)),
                    Err(fault) if fault.is_final() => Err(fault),
                    _ => Ok(Val::Bool(true)),
                }
            }
            Node::And(sides) => self.junction(sides, false),
            Node::Or(sides) => self.junction(sides, true),
            Node::If(parts) => match self.node(&parts[0])? {
                Val::Bool(true) => self.node(&parts[1]),
                Val::Bool(false) => self.node(&parts[2]),
                _ => Err(Fault::NoSuchOverload),
            },
            Node::Call(function, arguments) => {
                let arguments = arguments.iter().map(|argument| self.node(argument)).collect::<Result<Vec<_>, _>>()?;
                self.budget.spend(function.price.of(&arguments))?;
                (function.body)(&arguments)
            }
            Node::Fold(fold) => self.fold(fold),
            Node::Each(each) => self.each(each),
            Node::Bind(parts) => {
                let value = self.node(&parts[0])?;
                self.within([value], &parts[1])
            }
            Node::OptMap(parts, flat) => self.opt_map(parts, *flat),
        }
    }

    fn opt_map(&mut self, parts: &'a [Node; 2], flat: bool) -> Outcome<'a> {
        match self.node(&parts[0])? {
            Val::Optional(None) => Ok(Val::Optional(None)),
            Val::Optional(Some(value)) => {
                let made = self.within([(*value).clone()], &parts[1])?;
                Ok(if flat { made } else { Val::some(made) })
            }
            _ => Err(Fault::NoSuchOverload),
        }
    }

    fn within<const N: usize>(&mut self, values: [Val<'a>; N], body: &'a Node) -> Outcome<'a> {
        self.locals.extend(values.into_iter().map(Ok));
        let outcome = self.node(body);
        self.locals.truncate(self.locals.len() - N);
        outcome
    }

    fn variable(&mut self, place: usize) -> Outcome<'a> {
        self.budget.spend(1)?;
        let variable = self.bindings.variables.get(place).ok_or_else(|| Fault::new("no such attribute(s): variables"))?;
        if let Some(known) = variable.value.get() {
            return known.clone();
        }
        let outcome = match variable.program {
            Err(why) => Err(Fault::new(format!("composited variable \"{place}\" fails to compile: {why}"))),
            Ok(program) => {
                let own = self.budget.suspend();
                let outcome = run(&program.node, self.bindings, self.budget);
                self.budget.resume(own);
                outcome
            }
        };
        variable.value.get_or_init(|| outcome).clone()
    }

    /// `&&` and `||`: what the one side decides, an error of the other does not matter for.
    fn junction(&mut self, sides: &'a [Node; 2], decisive: bool) -> Outcome<'a> {
        let mut fault = None;
        for side in sides {
            match self.node(side) {
                Ok(Val::Bool(truth)) if truth == decisive => return Ok(Val::Bool(decisive)),
                Ok(Val::Bool(_)) => {}
                Ok(_) => drop(fault.get_or_insert(Fault::NoSuchOverload)),
                Err(error) if error.is_final() => return Err(error),
                Err(error) => drop(fault.get_or_insert(error)),
            }
        }
        fault.map_or(Ok(Val::Bool(!decisive)), Err)
    }

    fn list(&mut self, items: &'a [(Node, bool)]) -> Outcome<'a> {
        self.budget.spend(LIST_COST)?;
        let mut list = Vec::with_capacity(items.len());
        for (item, is_optional) in items {
            match (self.node(item)?, is_optional) {
                (value, false) => list.push(value),
                (Val::Optional(value), true) => list.extend(value.map(|value| (*value).clone())),
                _ => return Err(Fault::NoSuchOverload),
            }
        }
        Ok(Val::list(list))
    }

    fn map(&mut self, entries: &'a [(Node, Node, bool)]) -> Outcome<'a> {
        self.budget.spend(MAP_COST)?;
        let mut map = BTreeMap::new();
        for (key, value, is_optional) in entries {
            let key = self.node(key)?.as_key().ok_or_else(|| Fault::new("unsupported key type"))?;
            match (self.node(value)?, is_optional) {
                (value, false) => drop(map.insert(key, value)),
                (Val::Optional(value), true) => map.extend(value.map(|value| (key, (*value).clone()))),
                _ => return Err(Fault::NoSuchOverload),
            }
        }
        Ok(Val::map(map))
    }

    fn fold(&mut self, fold: &'a Fold) -> Outcome<'a> {
        let range = self.node(&fold.range)?;
        let start = self.node(&fold.start);
        let accumulator = self.locals.len();
        self.locals.push(start);
        for (item, _) in items(&range, 1)? {
            self.locals.push(Ok(item));
            let goes_on = self.node(&fold.goes_on);
            let step = match goes_on {
                Ok(Val::Bool(true)) => Some(self.node(&fold.step)),
                Ok(_) => None,
                Err(fault) => Some(Err(fault)),
            };
            self.locals.truncate(accumulator + 1);
            match step {
                None => break,
                Some(Err(fault)) if fault.is_final() => return Err(fault),
                Some(outcome) => self.locals[accumulator] = outcome,
            }
        }
        let result = self.node(&fold.result);
        self.locals.truncate(accumulator);
        result
    }

    fn each(&mut self, each: &'a Each) -> Outcome<'a> {
        let range = self.node(&each.range)?;
        let bound = self.locals.len();
        let mut gathering = Gathering::new(each.what);
        for (first, second) in items(&range, each.names)? {
            // What upstream's loop costs besides the body: its condition, and what it gathers in.
            self.budget.spend(2)?;
            self.locals.push(Ok(first.clone()));
            self.locals.extend(second.map(Ok));
            let passes = match &each.filter {
                None => Ok(true),
                Some(filter) => match self.node(filter) {
                    Ok(Val::Bool(truth)) => Ok(truth),
                    Ok(_) => Err(Fault::NoSuchOverload),
                    Err(fault) => Err(fault),
                },
            };
            let made = passes.and_then(|passes| if passes { self.node(&each.body).map(Some) } else { Ok(None) });
            self.locals.truncate(bound);
            if gathering.add(first, made)? {
                break;
            }
        }
        if matches!(each.what, What::List | What::SortBy) {
            self.budget.spend(LIST_COST)?;
        }
        gathering.finish()
    }
}

/// What comes of a macro over items.
struct Gathering<'a> {
    what: What,
    list: Vec<Val<'a>>,
    /// What the list is to be ordered by.
    ranks: Vec<Val<'a>>,
    map: BTreeMap<MapKey, Val<'a>>,
    count: u64,
    fault: Option<Fault>,
}

impl<'a> Gathering<'a> {
    fn new(what: What) -> Self {
        Self { what, list: Vec::new(), ranks: Vec::new(), map: BTreeMap::new(), count: 0, fault: None }
    }

    /// Takes what one item has given, if it has passed; says whether no more need be asked.
    fn add(&mut self, first: Val<'a>, made: Result<Option<Val<'a>>, Fault>) -> Result<bool, Fault> {
        let made = match made {
            Err(fault) if fault.is_final() || !matches!(self.what, What::All | What::Exists) => return Err(fault),
            Err(fault) => {
                self.fault.get_or_insert(fault);
                return Ok(false);
            }
            Ok(None) => return Ok(false),
            Ok(Some(made)) => made,
        };
        match (self.what, made) {
            (What::All, Val::Bool(truth)) => {
                self.count += u64::from(!truth);
                return Ok(!truth);
            }
            (What::Exists, Val::Bool(truth)) => {
                self.count += u64::from(truth);
                return Ok(truth);
            }
            (What::ExistsOne, Val::Bool(truth)) => self.count += u64::from(truth),
            (What::All | What::Exists | What::ExistsOne, _) => return Err(Fault::NoSuchOverload),
            (What::List, made) => self.list.push(made),
            (What::SortBy, rank) => {
                self.list.push(first);
                self.ranks.push(rank);
            }
            (What::Map, made) => drop(self.map.insert(first.as_key().ok_or(Fault::NoSuchOverload)?, made)),
            (What::Entries, Val::Map(entries)) => {
                for key in entries.keys() {
                    let value = entries.get(&key).unwrap_or(Val::Null);
                    let key = key.as_key().ok_or(Fault::NoSuchOverload)?;
                    if self.map.insert(key, value).is_some() {
                        return Err(Fault::new(format!("insert failed: key {} already exists", shown(&first))));
                    }
                }
            }
            (What::Entries, _) => return Err(Fault::NoSuchOverload),
        }
        Ok(false)
    }

    fn finish(self) -> Outcome<'a> {
        match self.what {
            What::All | What::Exists => match (self.count, self.fault) {
                (0, Some(fault)) => Err(fault),
                (count, _) => Ok(Val::Bool((count == 0) == (self.what == What::All))),
            },
            What::ExistsOne => Ok(Val::Bool(self.count == 1)),
            What::List => Ok(Val::list(self.list)),
            What::Map | What::Entries => Ok(Val::map(self.map)),
            What::SortBy => {
                let mut order: Vec<usize> = (0..self.list.len()).collect();
                if self.ranks.windows(2).any(|pair| pair[0].compare(&pair[1]).is_none()) {
                    return Err(Fault::NoSuchOverload);
                }
                order.sort_by(|a, b| self.ranks[*a].compare(&self.ranks[*b]).unwrap_or(Ordering::Equal));
                Ok(Val::list(order.into_iter().map(|index| self.list[index].clone()).collect()))
            }
        }
    }
}

/// What a comprehension goes over: items or keys, or with two names indexes or keys and what is there.
fn items<'a>(range: &Val<'a>, names: usize) -> Result<Vec<(Val<'a>, Option<Val<'a>>)>, Fault> {
    Ok(match range {
        Val::List(list) if names == 1 => list.iter().map(|item| (item, None)).collect(),
        Val::List(list) => list.iter().enumerate().map(|(index, item)| (Val::Int(index as i64), Some(item))).collect(),
        Val::Map(map) => map.keys().into_iter().map(|key| (key.clone(), if names == 1 { None } else { map.get(&key) })).collect(),
        _ => return Err(Fault::NoSuchOverload),
    })
}

fn field_of<'a>(of: &Val<'a>, field: &str) -> Option<Val<'a>> {
    if let Val::Map(map) = of { map.field(field) } else { None }
}

/// Whether a field is there; what is no map has none.
fn has(of: &Val, field: &str) -> bool {
    match of {
        Val::Optional(of) => of.as_deref().is_some_and(|of| field_of(of, field).is_some()),
        of => field_of(of, field).is_some(),
    }
}

fn select<'a>(of: &Val<'a>, field: &str) -> Outcome<'a> {
    match of {
        Val::Optional(None) => Ok(Val::Optional(None)),
        Val::Optional(Some(of)) => Ok(Val::Optional(field_of(of, field).map(Arc::new))),
        of => field_of(of, field).ok_or_else(|| Fault::NoSuchKey(field.to_owned())),
    }
}

fn index<'a>(of: &Val<'a>, key: &Val) -> Outcome<'a> {
    match of {
        Val::Map(map) => map.get(key).ok_or_else(|| Fault::NoSuchKey(shown(key))),
        Val::List(list) => at(list, key)?.ok_or_else(|| Fault::new(format!("index out of bounds: {}", shown(key)))),
        Val::Optional(_) => maybe(of.clone(), key),
        _ => Err(Fault::NoSuchOverload),
    }
}

fn at<'a>(list: &List<'a>, key: &Val) -> Result<Option<Val<'a>>, Fault> {
    match key.as_key() {
        Some(MapKey::Number(index)) => Ok(usize::try_from(index).ok().and_then(|index| list.get(index))),
        _ => Err(Fault::new("unsupported index type")),
    }
}

fn maybe<'a>(of: Val<'a>, key: &Val) -> Outcome<'a> {
    let of = match of {
        Val::Optional(None) => return Ok(Val::Optional(None)),
        Val::Optional(Some(of)) => (*of).clone(),
        of => of,
    };
    Ok(Val::Optional(match &of {
        Val::Map(map) => map.get(key).map(Arc::new),
        Val::List(list) => at(list, key)?.map(Arc::new),
        _ => None,
    }))
}

/// A value as an error names it.
pub(super) fn shown(value: &Val) -> String {
    match value {
        Val::Text(text) => text.to_string(),
        Val::Int(number) => number.to_string(),
        Val::Uint(number) => number.to_string(),
        Val::Double(number) => number.to_string(),
        Val::Bool(truth) => truth.to_string(),
        Val::Map(Entries::Json(_) | Entries::Own(_)) => "map".to_owned(),
        other => other.type_name().to_owned(),
    }
}
