//! What says that the server is there, what it is, and how its parts are.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::ACCEPT;
use serde_json::json;

use super::front::Exchange;
use super::negotiation::Representation;
use super::response;
use crate::api::authorization::forbidden;
use crate::api::status::{Reason, Status};
use crate::api::verbs::MASTERS;
use crate::runtime::recording::Record;

/// What the checks look at, by name; all of them together are the verdict.
const CHECKS: [&str; 3] = ["ping", "store", "shutdown"];

/// The version of Kubernetes whose interface is spoken.
const MAJOR: &str = "1";
const MINOR: &str = "35";

/// `/livez`, `/readyz` and `/healthz`, or one check below them. A process that is stopping is alive, but not ready.
pub async fn check(exchange: &Exchange, endpoint: &str, checks: &[&str]) -> HttpResponse {
    let query = &exchange.query;
    let asked: Vec<&str> = match checks {
        [] => CHECKS.iter().copied().filter(|check| *check != "shutdown" || endpoint == "readyz").collect(),
        [only] if CHECKS.contains(only) => vec![only],
        _ => return response::nowhere(),
    };
    let excluded: Vec<&str> = query.all("exclude").collect();
    let mut report = String::new();
    let mut failed = false;
    for check in asked {
        if excluded.contains(&check) {
            report += &format!("[+]{check} excluded: ok\n");
            continue;
        }
        let good = is_good(exchange, check).await;
        failed |= !good;
        report += &if good { format!("[+]{check} ok\n") } else { format!("[-]{check} failed: reason withheld\n") };
    }
    if failed {
        return response::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{report}{endpoint} check failed\n"));
    }
    let verbose = query.get("verbose").is_some() && checks.is_empty();
    response::text(StatusCode::OK, if verbose { format!("{report}{endpoint} check passed\n") } else { "ok".to_owned() })
}

async fn is_good(exchange: &Exchange, check: &str) -> bool {
    match check {
        "store" => exchange.front.api.store().fresh().await.is_ok(),
        "shutdown" => !exchange.front.shutdown.has_begun(),
        _ => true,
    }
}

/// `/version`.
pub fn version(exchange: &Exchange) -> HttpResponse {
    let version = env!("CARGO_PKG_VERSION");
    let value = json!({
        "major": MAJOR,
        "minor": MINOR,
        "emulationMajor": MAJOR,
        "emulationMinor": MINOR,
        "minCompatibilityMajor": MAJOR,
        "minCompatibilityMinor": "34",
        "gitVersion": format!("v{MAJOR}.{MINOR}.0+kabuki-{version}"),
        "gitCommit": "",
        "gitTreeState": "",
        "buildDate": "",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("{}/{}", std::env::consts::OS, go_architecture()),
    });
    response::value(StatusCode::OK, &value, exchange.style(Representation::default()))
}

fn go_architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `POST /debug/actors/kill?path=…`, for administrators: the actor there dies as by a panic of its own, or the supervisor there gives up.
///
/// # Errors
/// `NotFound`: there is none; `Forbidden`; `BadRequest`: it would be the whole process.
pub fn kill(exchange: &Exchange) -> Result<HttpResponse, Status> {
    let path = exchange.query.text("path");
    if !exchange.user.is_in(MASTERS) {
        return Err(forbidden(&exchange.user, &exchange.info, "only administrators may kill actors"));
    }
    if path.trim_matches('/').is_empty() {
        let why = "path names no actor: it is one that /debug/actors shows below the root, whose end is the process's";
        return Err(Status::bad_request(why));
    }
    if !exchange.front.supervisor.kill(path) {
        return Err(Status::new(404, Reason::NotFound, format!("there is no actor {path:?}; /debug/actors shows those there are")));
    }
    exchange.front.recorder.write(|| Record::Kill { actor: path.to_owned(), user: exchange.user.name.clone() });
    tracing::warn!(actor = path, user = exchange.user.name, "killed by an administrator");
    Ok(response::text(StatusCode::OK, format!("{path} killed\n")))
}

/// `/debug/actors`: the supervision tree, as JSON or, for people, as text.
pub fn actors(exchange: &Exchange) -> HttpResponse {
    let tree = exchange.front.supervisor.tree();
    if exchange.header(ACCEPT).contains("text/plain") {
        return response::text(StatusCode::OK, format!("{tree}\n"));
    }
    response::value(StatusCode::OK, &tree, exchange.style(Representation::default()))
}
