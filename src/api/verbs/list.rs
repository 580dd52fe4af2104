//! Reading a collection: one moment of it, in chunks if asked.

use super::continue_token::ContinueToken;
use super::selection::Selection;
use super::{Api, shown};
use crate::api::client::{List, ListOptions};
use crate::api::kinds::KindRef;
use crate::api::object::Object;
use crate::api::status::{Reason, Status};
use crate::api::validation::{ErrorList, FieldErrorKind};
use crate::runtime::flaw::{Flaw, planted};
use crate::runtime::store::{PlaceError, Revision, Snapshot};

const CONTINUE_EXPIRED: &str = "The provided continue parameter is too old to display a consistent list result. You can start a new list without \
the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token \
results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up \
in the list.";

/// Which moment a list shows (`resourceVersion`, `resourceVersionMatch` and `continue` of the API concepts' page).
enum Moment {
    Newest,
    Any,
    NotOlderThan(Revision),
    Exact(Revision),
    After(ContinueToken),
}

impl Api {
    /// The objects of a kind in a namespace (empty: in all), in order of their paths.
    ///
    /// # Errors
    /// Options that make no sense, `Expired` when history does not reach back far enough, `Timeout` when it has not come that far.
    pub async fn list(&self, kind: &KindRef, namespace: &str, options: &ListOptions) -> Result<List, Status> {
        let selection = Selection::new(kind, namespace, options)?;
        let moment = moment(options)?;
        if let Some(synthesis) = kind.synthesis {
            let items = self.synthesize(synthesis).await?.into_iter().filter(|object| selection.matches(object)).collect();
            return Ok(List { revision: Revision(0), items, continue_token: String::new(), remaining: None });
        }
        let (snapshot, after) = self.at(&moment).await?;
        // Upstream's cache passes a limit over when any moment will do.
        let limit = if matches!(moment, Moment::Any) { 0 } else { options.limit };
        let mut list = collect(&snapshot, kind, &selection, after.as_deref(), limit);
        if planted(Flaw::ListReadsBeforeItsRevision) {
            tokio::task::yield_now().await;
            list.revision = self.store().snapshot().revision();
        }
        Ok(list)
    }

    async fn at(&self, moment: &Moment) -> Result<(Snapshot<Object>, Option<String>), Status> {
        Ok(match moment {
            Moment::Newest => (self.fresh().await?, None),
            Moment::Any => (self.store().snapshot(), None),
            Moment::NotOlderThan(revision) => (self.not_older(*revision).await?, None),
            Moment::Exact(revision) => match self.store().snapshot_at(*revision) {
                Ok(snapshot) => (snapshot, None),
                Err(PlaceError::Compacted { .. }) => {
                    return Err(Status::expired("The resourceVersion for the provided list is too old."));
                }
                Err(PlaceError::Future { newest }) => return Err(too_large(*revision, newest)),
            },
            Moment::After(token) => {
                let snapshot = match token.revision {
                    None => self.fresh().await?,
                    Some(revision) => self.store().snapshot_at(revision).map_err(|_| {
                        let mut status = Status::expired(CONTINUE_EXPIRED);
                        status.continue_token = ContinueToken { revision: None, after: token.after.clone() }.encode();
                        status
                    })?,
                };
                (snapshot, Some(token.after.clone()))
            }
        })
    }

    /// Sees to it that the state is of that revision or later.
    ///
    /// # Errors
    /// `Timeout`: nothing has that revision yet.
    pub async fn reached(&self, revision: Revision) -> Result<(), Status> {
        self.not_older(revision).await.map(drop)
    }

    /// The state at that revision or later.
    pub(super) async fn not_older(&self, revision: Revision) -> Result<Snapshot<Object>, Status> {
        let snapshot = self.fresh().await?;
        if snapshot.revision() < revision { Err(too_large(revision, snapshot.revision())) } else { Ok(snapshot) }
    }
}

fn too_large(asked: Revision, newest: Revision) -> Status {
    Status::new(504, Reason::Timeout, format!("Timeout: Too large resource version: {asked}, current: {newest}"))
        .because("ResourceVersionTooLarge", "", "Too large resource version")
        .retry_after(1)
}

fn collect(snapshot: &Snapshot<Object>, kind: &KindRef, selection: &Selection, after: Option<&str>, limit: u64) -> List {
    let revision = snapshot.revision();
    let mut list = List { revision, items: Vec::new(), continue_token: String::new(), remaining: None };
    if let Some(name) = selection.only() {
        list.items.extend(
            snapshot
                .get(&super::key(kind, &selection.namespace, name))
                .filter(|object| selection.matches(object))
                .map(|object| shown(kind, object)),
        );
        return list;
    }
    let prefix = selection.prefix();
    let after = after.map(|path| format!("{prefix}{path}"));
    let limit = if limit == 0 { usize::MAX } else { usize::try_from(limit).unwrap_or(usize::MAX) };
    let mut last = "";
    let mut range = snapshot.range(&kind.collection, &prefix, after.as_deref());
    while let Some((key, object)) = range.next() {
        if list.items.len() == limit {
            list.continue_token = ContinueToken { revision: Some(revision), after: last[prefix.len()..].to_owned() }.encode();
            list.remaining = selection.is_everything().then(|| 1 + range.count() as u64);
            break;
        }
        last = &key.path;
        if selection.matches(object) {
            list.items.push(shown(kind, object));
        }
    }
    list
}

fn moment(options: &ListOptions) -> Result<Moment, Status> {
    let ListOptions { resource_version, resource_version_match, continue_token, .. } = options;
    let errors = contradictions(options);
    if !errors.is_empty() {
        return Err(Status::invalid_options("ListOptions", &errors));
    }
    if !continue_token.is_empty() {
        if !resource_version.is_empty() && resource_version != "0" {
            return Err(Status::bad_request("specifying resource version is not allowed when using continue"));
        }
        return ContinueToken::decode(continue_token).map(Moment::After);
    }
    let revision = parse_revision(resource_version).map_err(|why| Status::bad_request(format!("invalid resource version: {why}")))?;
    Ok(match (revision, resource_version_match.as_str()) {
        (None, _) => Moment::Newest,
        (Some(Revision(0)), _) => Moment::Any,
        (Some(revision), "Exact") => Moment::Exact(revision),
        (Some(revision), "") if options.limit > 0 => Moment::Exact(revision),
        (Some(revision), _) => Moment::NotOlderThan(revision),
    })
}

/// What `ValidateListOptions` forbids.
fn contradictions(options: &ListOptions) -> ErrorList {
    let mut errors = ErrorList::default();
    if options.send_initial_events.is_some() {
        errors.push(FieldErrorKind::Forbidden, "sendInitialEvents", "Forbidden: sendInitialEvents is forbidden for list");
    }
    let rule = options.resource_version_match.as_str();
    if rule.is_empty() {
        return errors;
    }
    let mut forbid = |why: &str| errors.push(FieldErrorKind::Forbidden, "resourceVersionMatch", format!("Forbidden: {why}"));
    if options.resource_version.is_empty() {
        forbid("resourceVersionMatch is forbidden unless resourceVersion is provided");
    }
    if !options.continue_token.is_empty() {
        forbid("resourceVersionMatch is forbidden when continue is provided");
    }
    if rule == "Exact" && options.resource_version == "0" {
        forbid("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
    }
    if rule != "Exact" && rule != "NotOlderThan" {
        let message = format!("Unsupported value: \"{rule}\": supported values: \"Exact\", \"NotOlderThan\", \"\"");
        errors.push(FieldErrorKind::NotSupported, "resourceVersionMatch", message);
    }
    errors
}

/// A resource version as it comes from a client: empty is none.
///
/// # Errors
/// Upstream's words for what is no number.
pub fn parse_revision(text: &str) -> Result<Option<Revision>, String> {
    if text.is_empty() {
        return Ok(None);
    }
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    let why = match text.parse() {
        Ok(revision) if digits => return Ok(Some(Revision(revision))),
        Err(_) if digits => "value out of range",
        _ => "invalid syntax",
    };
    Err(format!("resourceVersion: Invalid value: \"{text}\": strconv.ParseUint: parsing \"{text}\": {why}"))
}
