//! URLs (`k8s.io/apiserver/pkg/cel/library/urls.go`): absolute ones, and absolute paths.

use std::collections::BTreeMap;
use std::sync::Arc;

use hyper::Uri;

use super::{Fault, Function, Outcome, Price, function, no_overload};
use crate::api::expression::value::{MapKey, Val};

pub(super) const FUNCTIONS: &[Function] = &[
    function("isURL", Price::First, |of| match of {
        [Val::Text(text)] => Ok(Val::Bool(Url::parse(text).is_ok())),
        _ => no_overload(),
    }),
    function("url", Price::First, |of| match of {
        [Val::Text(text)] => Url::parse(text).map(|url| Val::Url(Arc::new(url))).map_err(Fault::new),
        _ => no_overload(),
    }),
    function(".getScheme", Price::One, |of| part(of, |url| url.uri.scheme_str().unwrap_or_default().to_owned())),
    function(".getHost", Price::One, |of| part(of, |url| url.uri.authority().map(|all| all.as_str().to_owned()).unwrap_or_default())),
    function(".getHostname", Price::One, |of| part(of, |url| url.uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned())),
    function(".getPort", Price::One, |of| part(of, |url| url.uri.port().map(|port| port.as_str().to_owned()).unwrap_or_default())),
    function(".getEscapedPath", Price::One, |of| part(of, Url::path)),
    function(".getQuery", Price::One, query),
];

#[derive(Debug, PartialEq, Eq)]
pub struct Url {
    pub text: String,
    uri: Uri,
}

impl Url {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("URL parse error during conversion from string: parse {text:?}: invalid URI for request");
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let is_absolute = uri.scheme().is_some() || text.starts_with('/');
        if is_absolute { Ok(Self { text: text.to_owned(), uri }) } else { Err(wrong()) }
    }

    /// The path as it was written: none where none was.
    fn path(&self) -> String {
        let path = self.uri.path();
        let after = self.text.split_once("://").map_or(&*self.text, |(_, rest)| rest);
        if path == "/" && !after.split(['?', '#']).next().unwrap_or_default().contains('/') { String::new() } else { path.to_owned() }
    }
}

fn part<'a>(of: &[Val<'a>], give: impl Fn(&Url) -> String) -> Outcome<'a> {
    if let [Val::Url(url)] = of { Ok(Val::text(give(url))) } else { no_overload() }
}

fn query<'a>(of: &[Val<'a>]) -> Outcome<'a> {
    let [Val::Url(url)] = of else { return no_overload() };
    let mut values: BTreeMap<MapKey, Vec<Val>> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(url.uri.query().unwrap_or_default().as_bytes()) {
        values.entry(MapKey::Text(name.as_ref().into())).or_default().push(Val::text(value.as_ref()));
    }
    Ok(Val::map(values.into_iter().map(|(name, values)| (name, Val::list(values))).collect()))
}
