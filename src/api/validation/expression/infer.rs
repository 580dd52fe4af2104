//! The types of the parts of an expression.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue, MapExpr, SelectExpr, operators};

use super::functions::{self, BINDERS, NAMESPACES};
use super::{Names, Type, is_among};

/// CEL's names of types are values, too.
const TYPES: &str = "bool bytes double duration int list map null_type string timestamp uint";

type Found = Result<Type, String>;

pub fn infer(expression: &IdedExpr, names: &Names) -> Found {
    match &expression.expr {
        Expr::Ident(name) => ident(name, names),
        Expr::Literal(value) => Ok(literal(value)),
        Expr::Select(select) => self::select(select, names),
        Expr::Call(call) => self::call(call, names),
        Expr::List(list) => {
            let items = list.elements.iter().map(|item| infer(item, names)).collect::<Result<Vec<_>, _>>()?;
            Ok(Type::list(common(items)))
        }
        Expr::Map(map) => self::map(map, names),
        Expr::Comprehension(comprehension) => self::comprehension(comprehension, names),
        Expr::Struct(_) | Expr::Unspecified => Ok(Type::Unknown),
    }
}

fn ident(name: &str, names: &Names) -> Found {
    match names.get(name) {
        Some(known) => Ok(known.clone()),
        None if is_among(name, TYPES) => Ok(Type::Unknown),
        None => Err(format!("undeclared reference to '{name}' (in container '')")),
    }
}

fn literal(value: &LiteralValue) -> Type {
    match value {
        LiteralValue::Boolean(_) => Type::Bool,
        LiteralValue::Bytes(_) => Type::Bytes,
        LiteralValue::Double(_) => Type::Double,
        LiteralValue::Int(_) => Type::Int,
        LiteralValue::Null => Type::Null,
        LiteralValue::String(_) => Type::String,
        LiteralValue::UInt(_) => Type::Uint,
    }
}

/// The type of all items of a list: `dyn` if they differ.
fn common(types: Vec<Type>) -> Type {
    types.iter().try_fold(Type::Unknown, |all, one| all.join(one)).unwrap_or(Type::Dyn)
}

fn select(select: &SelectExpr, names: &Names) -> Found {
    let field = match infer(&select.operand, names)? {
        Type::Object(fields) => fields.get(&select.field).cloned().ok_or_else(|| format!("undefined field '{}'", select.field))?,
        Type::Map(_, value) => *value,
        open if open.is_open() => open,
        other => return Err(format!("type '{other}' does not support field selection")),
    };
    Ok(if select.test { Type::Bool } else { field })
}

fn map(map: &MapExpr, names: &Names) -> Found {
    let (mut keys, mut values) = (Vec::new(), Vec::new());
    for entry in &map.entries {
        if let EntryExpr::MapEntry(entry) = &entry.expr {
            keys.push(infer(&entry.key, names)?);
            values.push(infer(&entry.value, names)?);
        }
    }
    Ok(Type::map(common(keys), common(values)))
}

fn comprehension(all: &ComprehensionExpr, names: &Names) -> Found {
    let (first, second) = match infer(&all.iter_range, names)? {
        Type::List(item) if all.iter_var2.is_some() => (Type::Int, *item),
        Type::List(item) => (*item, Type::Unknown),
        Type::Map(key, value) => (*key, *value),
        open if open.is_open() => (open.clone(), open),
        other => return Err(format!("expression of type '{other}' cannot be range of a comprehension (must be list, map, or dynamic)")),
    };
    let mut inner = names.clone();
    inner.insert(all.iter_var.clone(), first);
    all.iter_var2.iter().for_each(|name| drop(inner.insert(name.clone(), second.clone())));
    let start = infer(&all.accu_init, names)?;
    inner.insert(all.accu_var.clone(), start.clone());
    let step = infer(&all.loop_step, &inner)?;
    inner.insert(all.accu_var.clone(), start.join(&step).unwrap_or(Type::Dyn));
    infer(&all.result, &inner)
}

fn call(call: &CallExpr, names: &Names) -> Found {
    if is_among(&call.func_name, BINDERS) {
        return Ok(Type::Unknown);
    }
    let target = match call.target.as_deref() {
        Some(IdedExpr { expr: Expr::Ident(name), .. }) if is_among(name, NAMESPACES) && !names.contains_key(name) => None,
        Some(target) => Some(infer(target, names)?),
        None => None,
    };
    let arguments = call.args.iter().map(|argument| infer(argument, names)).collect::<Result<Vec<_>, _>>()?;
    let name = call.func_name.as_str();
    match (name, arguments.as_slice()) {
        (operators::CONDITIONAL, [condition, a, b]) if fits(condition, &Type::Bool) => a.join(b).ok_or_else(|| no_overload(name)),
        (operators::LOGICAL_AND | operators::LOGICAL_OR, [a, b]) if fits(a, &Type::Bool) && fits(b, &Type::Bool) => Ok(Type::Bool),
        (operators::LOGICAL_NOT | operators::NOT_STRICTLY_FALSE, [a]) if fits(a, &Type::Bool) => Ok(Type::Bool),
        (operators::EQUALS | operators::NOT_EQUALS, [a, b]) if a.join(b).is_some() => Ok(Type::Bool),
        (operators::LESS | operators::LESS_EQUALS | operators::GREATER | operators::GREATER_EQUALS, [a, b]) if are_ordered(a, b) => {
            Ok(Type::Bool)
        }
        (operators::IN, [_, within]) if within.is_open() || matches!(within, Type::List(_) | Type::Map(..)) => Ok(Type::Bool),
        (operators::INDEX, [of, _]) => match of {
            Type::List(item) | Type::Map(_, item) => Ok((**item).clone()),
            open if open.is_open() => Ok(open.clone()),
            _ => Err(no_overload(name)),
        },
        (operators::OPT_INDEX | operators::OPT_SELECT, _) => Ok(Type::Unknown),
        (operators::NEGATE, [a]) if a.is_open() || a.is_number() => Ok(a.clone()),
        (operators::ADD | operators::SUBSTRACT | operators::MULTIPLY | operators::DIVIDE | operators::MODULO, [a, b]) => {
            arithmetic(name, a, b).ok_or_else(|| no_overload(name))
        }
        _ if name.starts_with(['_', '!', '@', '-']) => Err(no_overload(name)),
        (_, arguments) => functions::result(name, target.as_ref(), arguments),
    }
}

fn no_overload(name: &str) -> String {
    format!("found no matching overload for '{name}'")
}

fn fits(found: &Type, wanted: &Type) -> bool {
    found.is_open() || found == wanted
}

/// Numbers are in one order whatever their types, other things in one for each type.
fn are_ordered(a: &Type, b: &Type) -> bool {
    let has_order = |one: &Type| {
        one.is_open() || one.is_number() || matches!(one, Type::Bool | Type::String | Type::Bytes | Type::Timestamp | Type::Duration)
    };
    has_order(a) && has_order(b) && (a.is_open() || b.is_open() || a == b || a.is_number() && b.is_number())
}

fn arithmetic(operator: &str, a: &Type, b: &Type) -> Option<Type> {
    let is_sum = operator == operators::ADD;
    match (a, b) {
        (a, b) if a.is_open() && b.is_open() => a.join(b),
        (Type::Duration | Type::Timestamp, open) | (open, Type::Duration | Type::Timestamp) if open.is_open() => Some(Type::Unknown),
        (known, open) | (open, known) if open.is_open() => arithmetic(operator, known, known),
        (Type::Int, Type::Int) | (Type::Uint, Type::Uint) => Some(a.clone()),
        (Type::Double, Type::Double) if operator != operators::MODULO => Some(Type::Double),
        (Type::String, Type::String) | (Type::Bytes, Type::Bytes) if is_sum => Some(a.clone()),
        (Type::List(a), Type::List(b)) if is_sum => Some(Type::list(a.join(b).unwrap_or(Type::Dyn))),
        (Type::Timestamp, Type::Duration) | (Type::Duration, Type::Timestamp) if is_sum => Some(Type::Timestamp),
        (Type::Duration, Type::Duration) if is_sum || operator == operators::SUBSTRACT => Some(Type::Duration),
        (Type::Timestamp, Type::Duration) if operator == operators::SUBSTRACT => Some(Type::Timestamp),
        (Type::Timestamp, Type::Timestamp) if operator == operators::SUBSTRACT => Some(Type::Duration),
        _ => None,
    }
}
