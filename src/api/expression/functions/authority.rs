//! Questions to the authorizer (`k8s.io/apiserver/pkg/cel/library/authz.go`).

use std::sync::Arc;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::authority::{Asker, Question, Stage};
use crate::api::expression::value::Val;

/// What a question costs: as much as it may take.
const CHECK: Price = Price::Fixed(350_000);

pub(super) const FUNCTIONS: &[Function] = &[
    function(".path", Price::One, |of| match of {
        [Val::Question(_), Val::Text(path)] if path.is_empty() => Err(Fault::new("path must not be empty")),
        of => next(of, Stage::Open, Stage::Path, |question, path| question.wish.path = Some(path)),
    }),
    function(".group", Price::One, |of| next(of, Stage::Open, Stage::Group, |question, group| question.wish.group = group)),
    function(".serviceAccount", Price::One, |of| match of {
        [Val::Question(question), Val::Text(namespace), Val::Text(name)] if question.stage == Stage::Open => {
            let mut question = Question::clone(question);
            question.asker = Asker::Account(namespace.to_string(), name.to_string());
            Ok(Val::Question(Arc::new(question)))
        }
        _ => no_overload(),
    }),
    function(".resource", Price::One, |of| next(of, Stage::Group, Stage::Resource, |question, resource| question.wish.resource = resource)),
    function(".subresource", Price::One, |of| {
        next(of, Stage::Resource, Stage::Resource, |question, subresource| question.wish.subresource = subresource)
    }),
    function(".namespace", Price::One, |of| {
        next(of, Stage::Resource, Stage::Resource, |question, namespace| question.wish.namespace = namespace)
    }),
    function(".name", Price::One, |of| next(of, Stage::Resource, Stage::Resource, |question, name| question.wish.name = name)),
    // What is selected narrows what is asked for; an authorizer that does not look at selectors answers for all.
    function(".fieldSelector", Price::First, |of| next(of, Stage::Resource, Stage::Resource, |_, _| {})),
    function(".labelSelector", Price::First, |of| next(of, Stage::Resource, Stage::Resource, |_, _| {})),
    function(".check", CHECK, |of| match of {
        [Val::Question(question), Val::Text(verb)] if matches!(question.stage, Stage::Resource | Stage::Path) => {
            let mut wish = question.wish.clone();
            wish.verb = verb.to_string();
            let (allowed, reason) = question.authority.check(&question.asker, &wish);
            Ok(Val::Verdict(Arc::new((allowed, reason, None))))
        }
        _ => no_overload(),
    }),
    function(".allowed", Price::One, |of| verdict(of, |verdict| Val::Bool(verdict.0))),
    function(".reason", Price::One, |of| verdict(of, |verdict| Val::text(verdict.1.as_str()))),
    function(".errored", Price::One, |of| verdict(of, |verdict| Val::Bool(verdict.2.is_some()))),
    function(".error", Price::One, |of| verdict(of, |verdict| Val::text(verdict.2.as_deref().unwrap_or_default()))),
];

fn next<'a>(of: &[Val<'a>], from: Stage, to: Stage, set: fn(&mut Question, String)) -> Outcome<'a> {
    match of {
        [Val::Question(question), Val::Text(text)] if question.stage == from => {
            let mut question = Question::clone(question);
            set(&mut question, text.to_string());
            question.stage = to;
            Ok(Val::Question(Arc::new(question)))
        }
        _ => no_overload(),
    }
}

fn verdict<'a>(of: &[Val<'a>], give: fn(&(bool, String, Option<String>)) -> Val<'a>) -> Outcome<'a> {
    if let [Val::Verdict(verdict)] = of { Ok(give(verdict)) } else { no_overload() }
}
