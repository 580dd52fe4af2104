//! From what is parsed to what is run.

use cel::IdedExpr;
use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, ListExpr, LiteralValue, operators};

use super::Environment;
use super::functions;
use super::node::{Each, Fold, Node, What};
use super::value::Val;

/// How deep expressions may be nested.
const DEEPEST: usize = 250;
const TYPES: [(&str, &str); 12] = [
    ("bool", "bool"),
    ("bytes", "bytes"),
    ("double", "double"),
    ("int", "int"),
    ("list", "list"),
    ("map", "map"),
    ("null_type", "null_type"),
    ("string", "string"),
    ("type", "type"),
    ("uint", "uint"),
    ("google.protobuf.Timestamp", "google.protobuf.Timestamp"),
    ("google.protobuf.Duration", "google.protobuf.Duration"),
];

type Compiled = Result<Node, String>;

pub fn compile(environment: &Environment, expression: &IdedExpr) -> Compiled {
    Compiler { environment, locals: Vec::new(), depth: 0 }.node(expression)
}

struct Compiler<'e> {
    environment: &'e Environment,
    /// The names that are bound, innermost last.
    locals: Vec<String>,
    depth: usize,
}

impl Compiler<'_> {
    fn node(&mut self, expression: &IdedExpr) -> Compiled {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("expression is nested too deeply".to_owned());
        }
        let node = match &expression.expr {
            Expr::Ident(name) => self.ident(name),
            Expr::Literal(value) => Ok(Node::Const(literal(value))),
            Expr::Select(select) => self.select(&select.operand, &select.field, select.test),
            Expr::Call(call) => self.call(call),
            Expr::List(list) => self.list(list),
            Expr::Map(map) => {
                let mut entries = Vec::new();
                for entry in &map.entries {
                    if let EntryExpr::MapEntry(entry) = &entry.expr {
                        entries.push((self.node(&entry.key)?, self.node(&entry.value)?, entry.optional));
                    }
                }
                Ok(Node::Map(entries))
            }
            Expr::Comprehension(fold) => self.fold(fold),
            Expr::Struct(made) => Err(undeclared(&made.type_name)),
            Expr::Unspecified => Err("nothing is expressed".to_owned()),
        };
        self.depth -= 1;
        node
    }

    fn ident(&self, name: &str) -> Compiled {
        if let Some(place) = self.locals.iter().rposition(|local| local == name) {
            return Ok(Node::Local(place));
        }
        if let Some(place) = self.environment.roots.iter().position(|root| *root == name) {
            return Ok(Node::Root(place));
        }
        type_of_that_name(name).ok_or_else(|| undeclared(name))
    }

    fn is_bound(&self, name: &str) -> bool {
        self.locals.iter().any(|local| local == name) || self.environment.roots.contains(&name)
    }

    fn select(&mut self, operand: &IdedExpr, field: &str, test: bool) -> Compiled {
        if let Expr::Ident(root) = &operand.expr
            && root == "variables"
            && !self.is_bound(root)
        {
            let place = self.environment.variables.iter().rposition(|variable| variable == field);
            return match place {
                Some(_) if test => Ok(Node::Const(Val::Bool(true))),
                Some(place) => Ok(Node::Variable(place)),
                None => Err(format!("undefined field '{field}'")),
            };
        }
        if let Some(name) = qualified(operand)
            && !self.is_bound(name.split('.').next().unwrap_or_default())
            && let Some(named) = type_of_that_name(&format!("{name}.{field}"))
        {
            return Ok(named);
        }
        let of = Box::new(self.node(operand)?);
        let field = if self.environment.escapes { unescaped(field) } else { field.to_owned() };
        Ok(if test { Node::Has(of, field.into()) } else { Node::Select(of, field.into()) })
    }

    fn list(&mut self, list: &ListExpr) -> Compiled {
        let mut items = Vec::with_capacity(list.elements.len());
        for (index, item) in list.elements.iter().enumerate() {
            items.push((self.node(item)?, list.optional_indices.contains(&index)));
        }
        Ok(Node::List(items))
    }

    fn pair(&mut self, a: &IdedExpr, b: &IdedExpr) -> Result<Box<[Node; 2]>, String> {
        Ok(Box::new([self.node(a)?, self.node(b)?]))
    }

    fn call(&mut self, call: &CallExpr) -> Compiled {
        let name = call.func_name.as_str();
        match (name, call.target.as_deref(), call.args.as_slice()) {
            (operators::LOGICAL_AND, None, [a, b]) => Ok(Node::And(self.pair(a, b)?)),
            (operators::LOGICAL_OR, None, [a, b]) => Ok(Node::Or(self.pair(a, b)?)),
            (operators::LOGICAL_NOT, None, [a]) => Ok(Node::Not(Box::new(self.node(a)?))),
            (operators::NOT_STRICTLY_FALSE, None, [a]) => Ok(Node::NotFalse(Box::new(self.node(a)?))),
            (operators::CONDITIONAL, None, [condition, yes, no]) => {
                Ok(Node::If(Box::new([self.node(condition)?, self.node(yes)?, self.node(no)?])))
            }
            (operators::INDEX, None, [of, key]) => Ok(Node::Index(self.pair(of, key)?)),
            (operators::OPT_SELECT | operators::OPT_INDEX, None, [of, key]) => Ok(Node::Maybe(self.pair(of, key)?)),
            ("bind", Some(IdedExpr { expr: Expr::Ident(cel), .. }), [name, value, body]) if cel == "cel" => {
                let value = self.node(value)?;
                Ok(Node::Bind(Box::new([value, self.within(&[name], body)?])))
            }
            ("optMap" | "optFlatMap", Some(of), [variable, body]) => {
                let of = self.node(of)?;
                Ok(Node::OptMap(Box::new([of, self.within(&[variable], body)?]), name == "optFlatMap"))
            }
            (_, Some(range), arguments) if let Some((what, names)) = of_each(name, arguments.len()) => {
                self.each(range, what, arguments.split_at(names))
            }
            _ => self.function(call),
        }
    }

    /// Compiles a part that may speak of names besides.
    fn within(&mut self, names: &[&IdedExpr], body: &IdedExpr) -> Compiled {
        let bound = self.locals.len();
        for name in names {
            let Expr::Ident(name) = &name.expr else { return Err("argument must be a simple name".to_owned()) };
            self.locals.push(name.clone());
        }
        let node = self.node(body);
        self.locals.truncate(bound);
        node
    }

    fn each(&mut self, range: &IdedExpr, what: What, (names, rest): (&[IdedExpr], &[IdedExpr])) -> Compiled {
        let range = self.node(range)?;
        let names: Vec<&IdedExpr> = names.iter().collect();
        let (filter, body) = match rest {
            [filter, body] => (Some(self.within(&names, filter)?), self.within(&names, body)?),
            [body] => (None, self.within(&names, body)?),
            _ => return Err("found no matching overload".to_owned()),
        };
        Ok(Node::Each(Box::new(Each { range, names: names.len(), filter, body, what })))
    }

    fn function(&mut self, call: &CallExpr) -> Compiled {
        let mut arguments = Vec::with_capacity(call.args.len() + 1);
        let mut name = call.func_name.clone();
        match call.target.as_deref() {
            Some(IdedExpr { expr: Expr::Ident(space), .. }) if !self.is_bound(space) => name = format!("{space}.{name}"),
            Some(target) => {
                arguments.push(self.node(target)?);
                name.insert(0, '.');
            }
            None => {}
        }
        for argument in &call.args {
            arguments.push(self.node(argument)?);
        }
        let function = functions::find(&name).ok_or_else(|| undeclared(name.trim_start_matches('.')))?;
        Ok(Node::Call(function, arguments))
    }

    fn fold(&mut self, fold: &ComprehensionExpr) -> Compiled {
        let range = self.node(&fold.iter_range)?;
        let bound = self.locals.len();
        if let Some((filter, body)) = gathered(fold) {
            self.locals.push(fold.iter_var.clone());
            let filter = filter.map(|filter| self.node(filter)).transpose()?;
            let body = self.node(body)?;
            self.locals.truncate(bound);
            return Ok(Node::Each(Box::new(Each { range, names: 1, filter, body, what: What::List })));
        }
        let start = self.node(&fold.accu_init)?;
        self.locals.push(fold.accu_var.clone());
        self.locals.push(fold.iter_var.clone());
        let (goes_on, step) = (self.node(&fold.loop_cond)?, self.node(&fold.loop_step)?);
        self.locals.pop();
        let result = self.node(&fold.result)?;
        self.locals.truncate(bound);
        Ok(Node::Fold(Box::new(Fold { range, start, goes_on, step, result })))
    }
}

/// The filter and the body of a comprehension that gathers a list, as `map` and `filter` do: by appending to what it has so far.
fn gathered(fold: &ComprehensionExpr) -> Option<(Option<&IdedExpr>, &IdedExpr)> {
    let Expr::List(start) = &fold.accu_init.expr else { return None };
    let Expr::Ident(result) = &fold.result.expr else { return None };
    if !start.elements.is_empty() || *result != fold.accu_var {
        return None;
    }
    let appended = |step: &'_ IdedExpr| -> Option<usize> {
        let Expr::Call(call) = &step.expr else { return None };
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::ADD, [IdedExpr { expr: Expr::Ident(name), .. }, IdedExpr { expr: Expr::List(items), .. }])
                if *name == fold.accu_var && items.elements.len() == 1 =>
            {
                Some(1)
            }
            _ => None,
        }
    };
    let item = |step: &'_ IdedExpr| -> Option<()> { appended(step).map(drop) };
    let step = &fold.loop_step;
    let Expr::Call(call) = &step.expr else { return None };
    if item(step).is_some() {
        return Some((None, only_item(call)?));
    }
    match (call.func_name.as_str(), call.args.as_slice()) {
        (operators::CONDITIONAL, [filter, yes, _]) if item(yes).is_some() => {
            let Expr::Call(call) = &yes.expr else { return None };
            Some((Some(filter), only_item(call)?))
        }
        _ => None,
    }
}

/// `x` of `_ + [x]`.
fn only_item(sum: &CallExpr) -> Option<&IdedExpr> {
    let Expr::List(items) = &sum.args.get(1)?.expr else { return None };
    items.elements.first()
}

/// What a macro makes of each item, and how many names it binds.
fn of_each(name: &str, arguments: usize) -> Option<(What, usize)> {
    match (name, arguments) {
        ("all", 3) => Some((What::All, 2)),
        ("exists", 3) => Some((What::Exists, 2)),
        ("existsOne" | "exists_one", 3) => Some((What::ExistsOne, 2)),
        ("transformList", 3 | 4) => Some((What::List, 2)),
        ("transformMap", 3 | 4) => Some((What::Map, 2)),
        ("transformMapEntry", 3 | 4) => Some((What::Entries, 2)),
        ("sortBy", 2) => Some((What::SortBy, 1)),
        _ => None,
    }
}

fn literal(value: &LiteralValue) -> Val<'static> {
    match value {
        LiteralValue::Boolean(truth) => Val::Bool(*truth.inner()),
        LiteralValue::Bytes(bytes) => Val::Bytes(bytes.inner().into()),
        LiteralValue::Double(number) => Val::Double(*number.inner()),
        LiteralValue::Int(number) => Val::Int(*number.inner()),
        LiteralValue::Null => Val::Null,
        LiteralValue::String(text) => Val::text(text.inner()),
        LiteralValue::UInt(number) => Val::Uint(*number.inner()),
    }
}

fn type_of_that_name(name: &str) -> Option<Node> {
    TYPES.iter().find(|(known, _)| *known == name).map(|(_, name)| Node::Const(Val::Type(name)))
}

/// `a.b.c`, if that is what it is.
fn qualified(expression: &IdedExpr) -> Option<String> {
    match &expression.expr {
        Expr::Ident(name) => Some(name.clone()),
        Expr::Select(select) if !select.test => Some(format!("{}.{}", qualified(&select.operand)?, select.field)),
        _ => None,
    }
}

fn undeclared(name: &str) -> String {
    format!("undeclared reference to '{name}' (in container '')")
}

/// The name of the field that is meant by a name that CEL can say (`k8s.io/apiserver/pkg/cel/escaping.go`).
fn unescaped(name: &str) -> String {
    let known = [("__underscores__", "__"), ("__dot__", "."), ("__dash__", "-"), ("__slash__", "/")];
    if let Some(word) = name.strip_prefix("__").and_then(|rest| rest.strip_suffix("__"))
        && !known.iter().any(|(escape, _)| *escape == name)
        && !word.is_empty()
        && !word.contains("__")
    {
        return word.to_owned();
    }
    let mut plain = String::with_capacity(name.len());
    let mut rest = name;
    while !rest.is_empty() {
        match known.iter().find(|(escape, _)| rest.starts_with(escape)) {
            Some((escape, meant)) => {
                plain.push_str(meant);
                rest = &rest[escape.len()..];
            }
            None => {
                let first = rest.chars().next().map_or(0, char::len_utf8);
                plain.push_str(&rest[..first]);
                rest = &rest[first..];
            }
        }
    }
    plain
}
