//! The verbs on the wire: one handler for each, for all kinds.

mod collection;
mod delete;
mod read;
mod shape;
mod watch;
mod write;

use actix_web::http::Method;
use actix_web::{HttpResponse, web};

use super::front::Exchange;
use super::request::Resource;
use super::{body, response, reviews, streams};
use crate::api::kinds::{KindRef, Registry, Subresource};
use crate::api::status::Status;
use crate::api::verbs::Target;

/// What stands at a path.
enum Place {
    /// All objects of a kind, in a namespace or (empty) everywhere.
    Collection(KindRef, String),
    Object(Target),
    Subresource(Target, Subresource),
    /// The collection to which bindings of pods were posted before pods had a subresource for them.
    Bindings(String),
}

/// Answers a request for a resource; also that it should no longer be used, if that is so.
pub async fn dispatch(exchange: Exchange, payload: web::Payload) -> Result<HttpResponse, Status> {
    let Some(resource) = exchange.info.resource.clone() else { return Ok(response::nowhere()) };
    let kind = exchange.front.registry().resource(&resource.group, &resource.version, &resource.plural).cloned();
    let Some(deprecation) = kind.as_ref().and_then(|kind| kind.deprecation.as_deref()) else {
        return serve(exchange, resource, payload).await;
    };
    let mut answer = serve(exchange, resource, payload).await.unwrap_or_else(|status| response::failure(&status));
    response::warn_first(&mut answer, deprecation);
    Ok(answer)
}

async fn serve(exchange: Exchange, resource: Resource, payload: web::Payload) -> Result<HttpResponse, Status> {
    let registry = exchange.front.registry();
    let collection = matches!(exchange.info.verb.as_str(), "list" | "watch" | "deletecollection");
    let Some(place) = locate(&registry, &resource, collection) else {
        let group = resource.group.as_str();
        let is_served = |kind: &KindRef| kind.group() == group && (kind.custom.is_none() || kind.version() == resource.version);
        let known = group.is_empty() || reviews::groups().contains(&group) || registry.all().any(is_served);
        return if known { Err(Status::no_such_resource()) } else { Ok(response::nowhere()) };
    };
    if *exchange.request.method() == Method::HEAD {
        return Err(Status::method_not_allowed());
    }
    let verb = exchange.info.verb.clone();
    if let Place::Collection(kind, _) | Place::Object(Target { kind, .. }) = &place
        && !kind.verbs().contains(&verb.as_str())
    {
        return Err(Status::method_not_allowed());
    }
    match (verb.as_str(), place) {
        ("list", Place::Collection(kind, namespace)) => collection::list(&exchange, &kind, &namespace).await,
        ("watch", Place::Collection(kind, namespace)) => watch::watch(exchange, &kind, &namespace, &resource.name).await,
        ("deletecollection", Place::Collection(kind, namespace)) if kind.is_namespaced() != namespace.is_empty() => {
            delete::collection(&exchange, &kind, &namespace, payload).await
        }
        ("create", Place::Collection(kind, namespace)) if kind.is_namespaced() != namespace.is_empty() => {
            write::create(&exchange, &kind, &namespace, payload).await
        }
        ("create", Place::Bindings(namespace)) => write::bind(&exchange, &namespace, payload).await,
        ("get", Place::Object(target)) => read::get(&exchange, &target).await,
        ("update", Place::Object(target)) => write::update(&exchange, &target, payload).await,
        ("patch", Place::Object(target)) => write::patch(&exchange, &target, payload).await,
        ("delete", Place::Object(target)) => delete::object(&exchange, &target, payload).await,
        (_, Place::Subresource(target, subresource)) => self::subresource(&exchange, &verb, target, subresource, payload).await,
        _ => Err(Status::method_not_allowed()),
    }
}

async fn subresource(
    exchange: &Exchange,
    verb: &str,
    target: Target,
    subresource: Subresource,
    payload: web::Payload,
) -> Result<HttpResponse, Status> {
    use Subresource as S;
    match (verb, subresource) {
        ("get", S::Status | S::Approval | S::EphemeralContainers | S::Resize | S::Scale) => read::get(exchange, &target).await,
        ("update", S::Status | S::Approval | S::EphemeralContainers | S::Resize | S::Scale | S::Finalize) => {
            write::update(exchange, &target, payload).await
        }
        ("patch", S::Status | S::Approval | S::EphemeralContainers | S::Resize | S::Scale) => {
            write::patch(exchange, &target, payload).await
        }
        ("create", S::Binding | S::Eviction | S::Token) => write::create_subresource(exchange, &target, payload).await,
        ("get", S::Log) | ("get" | "create", S::Exec | S::Attach | S::PortForward) => {
            streams::answer(exchange, &target, subresource, payload).await
        }
        _ => Err(Status::method_not_allowed()),
    }
}

/// What a path's resource is, if it is served.
fn locate(registry: &Registry, resource: &Resource, collection: bool) -> Option<Place> {
    let Resource { group, version, namespace, plural, name, subresource, rest } = resource;
    if (group.as_str(), version.as_str(), plural.as_str()) == ("", "v1", "bindings") {
        return (name.is_empty() && !namespace.is_empty()).then(|| Place::Bindings(namespace.clone()));
    }
    let kind = registry.resource(group, version, plural)?;
    let namespace = match (kind.is_namespaced(), kind.group(), kind.kind()) {
        (true, ..) => namespace.as_str(),
        // A namespace's own path looks as if it were within itself.
        (false, "", "Namespace") => "",
        (false, ..) if namespace.is_empty() => "",
        (false, ..) => return None,
    };
    if collection && subresource.is_empty() || name.is_empty() {
        return Some(Place::Collection(kind.clone(), namespace.to_owned()));
    }
    if kind.is_namespaced() == namespace.is_empty() {
        return None;
    }
    let target = Target::new(kind, namespace, name);
    if subresource.is_empty() {
        return Some(Place::Object(target));
    }
    let found = kind.subresources.iter().copied().find(|known| known.name() == subresource)?;
    (rest.is_empty() || found == Subresource::Proxy).then(|| Place::Subresource(target.subresource(found), found))
}

/// The body, read whole, and checked to be in a format that objects come in.
async fn read_body(exchange: &Exchange, payload: web::Payload) -> Result<(bytes::Bytes, body::Encoding), Status> {
    let encoding = body::encoding(exchange.request.headers())?;
    Ok((body::read(exchange.request.headers(), payload).await?, encoding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::request::{Query, RequestInfo};

    fn at(path: &str) -> &'static str {
        let info = RequestInfo::new("GET", path, &Query::default()).unwrap();
        let resource = info.resource.unwrap();
        match locate(Registry::built_in(), &resource, info.verb != "get") {
            None => "nothing",
            Some(Place::Collection(..)) => "collection",
            Some(Place::Object(_)) => "object",
            Some(Place::Subresource(..)) => "subresource",
            Some(Place::Bindings(_)) => "bindings",
        }
    }

    #[test]
    fn a_path_leads_to_what_its_kind_has_there() {
        for (path, expected) in [
            ("/api/v1/pods", "collection"),
            ("/api/v1/namespaces/n/pods", "collection"),
            ("/api/v1/namespaces/n/pods/p", "object"),
            ("/api/v1/namespaces/n/pods/p/status", "subresource"),
            ("/api/v1/namespaces/n", "object"),
            ("/api/v1/namespaces/n/status", "subresource"),
            ("/api/v1/nodes/x", "object"),
            ("/api/v1/namespaces/n/nodes/x", "nothing"),
            ("/api/v1/pods/p", "nothing"),
            ("/api/v1/namespaces/n/pods/p/nonsense", "nothing"),
            ("/api/v1/namespaces/n/pods/p/status/more", "nothing"),
            ("/api/v1/namespaces/n/widgets", "nothing"),
            ("/api/v1//namespaces", "nothing"),
            ("/api/v1/namespaces/n/bindings", "bindings"),
        ] {
            assert_eq!(at(path), expected, "{path}");
        }
    }
}
