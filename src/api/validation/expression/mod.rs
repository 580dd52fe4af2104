//! Expressions in CEL: whether they compile, and to what type they evaluate.
//!
//! The crate `cel` parses and runs but knows no types before it runs; so they are found here, as far as they can be. What cannot be told is
//! let pass: it fails when it runs, if it does.

mod functions;
mod infer;
mod types;

use std::collections::BTreeMap;

use cel::parser::Parser;
use cel::{IdedExpr, ParseErrors};

pub use types::Type;

/// What an expression may name, and the types of that.
pub type Names = BTreeMap<String, Type>;

/// CEL's words that name nothing.
const RESERVED: &str =
    "true false null in as break const continue else for function if import let loop package namespace return var void while";

/// Whether a word cannot be a name.
pub fn is_reserved(word: &str) -> bool {
    is_among(word, RESERVED)
}

fn is_among(word: &str, words: &str) -> bool {
    words.split_whitespace().any(|one| one == word)
}

/// The type of an expression.
///
/// # Errors
/// It does not compile; the text says why, as a field's error does.
pub fn compile(text: &str, names: &Names) -> Result<Type, String> {
    let expression = parse(text).map_err(|error| format!("compilation failed: {error}"))?;
    infer::infer(&expression, names).map_err(|why| format!("compilation failed: ERROR: <input>:1:1: {why}"))
}

fn parse(text: &str) -> Result<IdedExpr, ParseErrors> {
    Parser::new().enable_optional_syntax(true).enable_ident_escape_syntax(true).parse(text)
}

/// Whether an expression speaks of a name of its surroundings.
pub fn mentions(text: &str, name: &str) -> bool {
    parse(text).is_ok_and(|expression| expression.references().has_variable(name))
}

/// What is wrong with an expression that must evaluate to one of some types.
pub fn must_be(text: &str, names: &Names, wanted: &[Type]) -> Option<String> {
    let found = match compile(text, names) {
        Ok(Type::Unknown) => return None,
        Ok(found) => found,
        Err(why) => return Some(why),
    };
    match wanted {
        _ if wanted.contains(&found) => None,
        [one] => Some(format!("must evaluate to {one} but got {found}")),
        many => {
            let many: Vec<String> = many.iter().map(Type::to_string).collect();
            Some(format!("must evaluate to one of [{}] but got {found}", many.join(" ")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_has_the_type_that_it_evaluates_to() {
        let object = Type::Object([("name".to_owned(), Type::String)].into());
        let names = Names::from([("self".to_owned(), object), ("any".to_owned(), Type::Dyn)]);
        for (text, shown) in [
            ("true", "bool"),
            ("1 + 1", "int"),
            ("'a' + any.b", "string"),
            ("any.b.c", "dyn"),
            ("self.name.size() > 1 ? 'a' : 'b'", "string"),
            ("[1, 2].all(x, x > 0)", "bool"),
            ("[1, 2].map(x, string(x))", "list(string)"),
            ("any.items.filter(x, x.y).exists(x, x == 1)", "bool"),
            ("has(any.b) && any.b.c == 'x'", "bool"),
            ("{'a': 1}['a']", "int"),
            ("size('a')", "int"),
            ("null", "null_type"),
            ("any.?a.orValue(1) == 1", "bool"),
        ] {
            assert_eq!(compile(text, &names).map(|found| found.to_string()), Ok(shown.to_owned()), "{text}");
        }
    }

    #[test]
    fn what_is_not_there_or_does_not_fit_does_not_compile() {
        let names = Names::from([("self".to_owned(), Type::Object(BTreeMap::new()))]);
        for text in ["object.", "nope", "self.b == 1", "1 == 'a'", "1 + 'a'", "!1", "1 ? 2 : 3", "[1].nope(2)", "1.all(x, true)"] {
            assert!(compile(text, &names).is_err_and(|why| why.starts_with("compilation failed: ERROR: ")), "{text}");
        }
    }

    #[test]
    fn an_expression_of_another_type_than_is_wanted_is_told_so() {
        let names = Names::new();
        assert_eq!(must_be("true", &names, &[Type::Bool]), None);
        assert_eq!(must_be("'x'", &names, &[Type::Bool]).unwrap(), "must evaluate to bool but got string");
        assert_eq!(must_be("1", &names, &[Type::String, Type::Null]).unwrap(), "must evaluate to one of [string null_type] but got int");
    }
}
