//! Selectors of devices: expressions of the Common Expression Language about one `device`.
//!
//! What can be known without types is judged: that an expression is well formed, names only what there is, and may be true or false.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use k8s_openapi::api::resource::v1::DeviceSelector;

use super::super::{ErrorList, Path};
use super::{LIST_SIZE, each};

/// Of an expression.
const LENGTH: usize = 10 * 1024;
const DEVICE: &str = "device";
const DEVICE_FIELDS: [&str; 4] = ["allowMultipleAllocations", "attributes", "capacity", "driver"];
/// Types, and where functions have their names.
const NAMES: [&str; 17] = [
    "base64",
    "bool",
    "bytes",
    "cel",
    "double",
    "dyn",
    "format",
    "int",
    "list",
    "map",
    "math",
    "null_type",
    "optional",
    "sets",
    "string",
    "type",
    "uint",
];
const ARITHMETIC: [&str; 6] =
    [operators::ADD, operators::SUBSTRACT, operators::MULTIPLY, operators::DIVIDE, operators::MODULO, operators::NEGATE];

pub fn selectors(selectors: &[DeviceSelector], is_stored: bool, path: &Path, errors: &mut ErrorList) {
    each(selectors, LIST_SIZE, path, errors, |selector, path, errors| {
        let path = path.child("cel");
        let Some(selector) = &selector.cel else { return errors.required(&path, "") };
        if is_stored {
            return;
        }
        let path = path.child("expression");
        if selector.expression.len() > LENGTH {
            errors.too_long(&path, LENGTH);
        } else if let Err(why) = judge(&selector.expression) {
            errors.invalid(&path, &selector.expression, &why);
        }
    });
}

fn judge(expression: &str) -> Result<(), String> {
    let failed = |why: String| format!("compilation failed: {why}");
    let program = cel::Program::compile(expression).map_err(|errors| failed(errors.to_string()))?;
    let root = program.expression();
    if let Some((id, why)) = undeclared(root, &mut Vec::new()) {
        let start = program.source_info().offset_for(id).map_or(0, |(start, _)| start as usize);
        let before: String = expression.chars().take(start).collect();
        let (line, column) =
            (before.matches('\n').count() + 1, before.chars().rev().take_while(|character| *character != '\n').count() + 1);
        return Err(failed(format!("ERROR: <input>:{line}:{column}: {why}")));
    }
    if is_no_verdict(&root.expr) { Err("must evaluate to bool".to_owned()) } else { Ok(()) }
}

/// It is something else than true or false, whatever the device.
fn is_no_verdict(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(LiteralValue::Boolean(_)) => false,
        Expr::Literal(_) | Expr::List(_) | Expr::Map(_) | Expr::Struct(_) => true,
        Expr::Ident(name) => name == DEVICE,
        Expr::Call(call) => ARITHMETIC.contains(&call.func_name.as_str()),
        Expr::Select(select) => !select.test && select.operand.expr == Expr::Ident(DEVICE.to_owned()) && select.field != DEVICE_FIELDS[0],
        Expr::Comprehension(_) | Expr::Unspecified => false,
    }
}

/// The first name that stands for nothing. `known` are the variables that macros brought.
fn undeclared<'e>(expr: &'e IdedExpr, known: &mut Vec<&'e str>) -> Option<(u64, String)> {
    match &expr.expr {
        Expr::Ident(name) => {
            let is_known = name.starts_with('@') || name == DEVICE || known.contains(&name.as_str()) || NAMES.contains(&name.as_str());
            (!is_known).then(|| (expr.id, format!("undeclared reference to '{name}' (in container '')")))
        }
        Expr::Select(select) => {
            let is_device = select.operand.expr == Expr::Ident(DEVICE.to_owned()) && !known.contains(&DEVICE);
            if is_device && !DEVICE_FIELDS.contains(&select.field.as_str()) {
                return Some((expr.id, format!("undefined field '{}'", select.field)));
            }
            undeclared(&select.operand, known)
        }
        Expr::Call(call) => {
            let target = call.target.as_deref();
            // `cel.bind(name, value, expression)`
            if let (Some(Expr::Ident(target)), [name, value, body]) = (target.map(|target| &target.expr), &call.args[..])
                && (target.as_str(), call.func_name.as_str()) == ("cel", "bind")
                && let Expr::Ident(name) = &name.expr
            {
                return undeclared(value, known).or_else(|| within(known, [name.as_str()], |known| undeclared(body, known)));
            }
            target.into_iter().chain(&call.args).find_map(|part| undeclared(part, known))
        }
        Expr::List(list) => list.elements.iter().find_map(|element| undeclared(element, known)),
        Expr::Map(map) => map.entries.iter().find_map(|entry| undeclared_in_entry(&entry.expr, known)),
        Expr::Struct(fields) => fields.entries.iter().find_map(|entry| undeclared_in_entry(&entry.expr, known)),
        Expr::Comprehension(loops) => {
            let variables = [loops.iter_var.as_str(), loops.iter_var2.as_deref().unwrap_or_default(), loops.accu_var.as_str()];
            undeclared(&loops.iter_range, known).or_else(|| {
                within(known, variables, |known| {
                    [&loops.accu_init, &loops.loop_cond, &loops.loop_step, &loops.result]
                        .into_iter()
                        .find_map(|part| undeclared(part, known))
                })
            })
        }
        Expr::Literal(_) | Expr::Unspecified => None,
    }
}

fn undeclared_in_entry<'e>(entry: &'e EntryExpr, known: &mut Vec<&'e str>) -> Option<(u64, String)> {
    match entry {
        EntryExpr::StructField(field) => undeclared(&field.value, known),
        EntryExpr::MapEntry(entry) => undeclared(&entry.key, known).or_else(|| undeclared(&entry.value, known)),
    }
}

/// What is found where some more variables are known.
fn within<'e, T, const N: usize>(known: &mut Vec<&'e str>, variables: [&'e str; N], find: impl FnOnce(&mut Vec<&'e str>) -> T) -> T {
    let before = known.len();
    known.extend(variables);
    let found = find(known);
    known.truncate(before);
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_is_about_a_device() {
        for (expression, wrong) in [
            ("device.driver == 'd'", ""),
            ("device.attributes['d.example.com'].model == 'x'", ""),
            ("device.attributes.exists(domain, domain == 'd') && cel.bind(c, device.capacity, 'd' in c)", ""),
            ("nope", "compilation failed: ERROR: <input>:1:1: undeclared reference to 'nope' (in container '')"),
            ("device.nope == 1", "undefined field 'nope'"),
            ("device.driver", "must evaluate to bool"),
            ("1 + 1", "must evaluate to bool"),
            ("device.driver ==", "compilation failed: ERROR: "),
        ] {
            match judge(expression) {
                Ok(()) => assert_eq!(wrong, "", "{expression}"),
                Err(why) => assert!(!wrong.is_empty() && why.contains(wrong), "{expression}: {why}"),
            }
        }
    }
}
