//! Which names a definition of custom resources gets (upstream: the naming and the establishing controller of its API server). Names of a
//! group are given to who asks first.

use std::collections::BTreeSet;

use jiff::Timestamp;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames, CustomResourceDefinitionSpec,
    CustomResourceDefinitionStatus,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde::Deserialize;
use serde_json::json;

use super::{Outcome, Reconciler, Tools, Watch};
use crate::actors::informer::{Delta, InformerHandle, ObjectKey};
use crate::api::client::{ClientRef, WriteOptions};
use crate::api::kinds::{KindRef, Registry};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::store::Stored;

/// Reconciles one definition at a time, whatever changed in whichever: a name that one lets go, another may get.
pub struct Definitions {
    client: ClientRef,
    definitions: InformerHandle,
    kind: KindRef,
}

#[derive(Deserialize)]
struct Definition {
    spec: CustomResourceDefinitionSpec,
    #[serde(default)]
    status: CustomResourceDefinitionStatus,
}

impl Definitions {
    pub fn new(tools: &Tools) -> Self {
        Self {
            client: tools.client.clone(),
            definitions: tools.informers.typed::<CustomResourceDefinition>(),
            kind: Registry::built_in().of::<CustomResourceDefinition>().clone(),
        }
    }

    /// The definition itself, and those of its group that wait for names: it may have let one go.
    fn concerned(&self, delta: &Delta) -> Vec<ObjectKey> {
        let view = self.definitions.view();
        let group = Outline::from(delta.object()).group;
        let waiting = view.iter().filter(|other| {
            let outline = other.project::<Outline>();
            outline.waits && outline.group == group
        });
        let waiting = waiting.map(|other| ObjectKey::from(&**other)).filter(|key| *key != delta.key);
        std::iter::once(delta.key.clone()).chain(waiting).collect()
    }
}

impl Reconciler for Definitions {
    type Key = ObjectKey;
    const NAME: &'static str = "definitions";
    /// Two may want the same name.
    const WORKERS: usize = 1;

    fn watches(&self) -> Vec<Watch<Self>> {
        vec![Watch::new(&self.definitions, Self::concerned)]
    }

    async fn reconcile(&self, key: &ObjectKey) -> Result<Outcome, Status> {
        let view = self.definitions.view();
        let Some(object) = view.get(key) else { return Ok(Outcome::Done) };
        let Some(definition) = parsed(object) else { return Ok(Outcome::Done) };
        let others = view.iter().filter(|other| other.name() != &*key.name).map(|other| other.project::<Outline>());
        let others = others.filter(|other| other.group == definition.spec.group).filter_map(|other| other.accepted.clone());
        let status = judged(&definition, &Taken::of(others), clock::now());
        if status == definition.status {
            return Ok(Outcome::Done);
        }
        let mut body = object.value();
        body["status"] = json!(status);
        match self.client.update(&self.kind, "", &key.name, "status", body, &WriteOptions::default()).await {
            Ok(written) => self.definitions.reached(written.revision()).await,
            Err(error) if error.is_not_found() => {}
            Err(error) => return Err(error),
        }
        Ok(Outcome::Done)
    }
}

/// What one definition has to know of another.
struct Outline {
    group: String,
    accepted: Option<CustomResourceDefinitionNames>,
    /// Not all names that it wants are its own.
    waits: bool,
}

impl From<&Object> for Outline {
    fn from(object: &Object) -> Self {
        match parsed(object) {
            None => Self { group: String::new(), accepted: None, waits: false },
            Some(Definition { spec, status }) => {
                let has = |condition: &CustomResourceDefinitionCondition| condition.type_ == "NamesAccepted" && condition.status == "True";
                let waits = !status.conditions.iter().flatten().any(has);
                Self { group: spec.group, accepted: status.accepted_names, waits }
            }
        }
    }
}

fn parsed(object: &Object) -> Option<Definition> {
    object.parse().inspect_err(|error| tracing::error!(definition = object.name(), %error, "a stored definition cannot be parsed")).ok()
}

/// The names that other definitions of a group have.
#[derive(Default)]
struct Taken {
    resources: BTreeSet<String>,
    kinds: BTreeSet<String>,
}

impl Taken {
    fn of(others: impl IntoIterator<Item = CustomResourceDefinitionNames>) -> Self {
        let mut taken = Self::default();
        for names in others {
            taken.resources.insert(names.plural);
            taken.resources.extend(names.singular);
            taken.resources.extend(names.short_names.into_iter().flatten());
            taken.kinds.insert(names.kind);
            taken.kinds.extend(names.list_kind);
        }
        taken
    }
}

/// What a definition's status should be.
fn judged(definition: &Definition, taken: &Taken, now: Timestamp) -> CustomResourceDefinitionStatus {
    let mut status = definition.status.clone();
    let wanted = &definition.spec.names;
    let mut names = status.accepted_names.clone().unwrap_or_default();
    let conflict = accept(wanted, &mut names, taken);
    let accepted = match &conflict {
        None => ("True", "NoConflicts", "no conflicts found".to_owned()),
        Some((reason, name)) => ("False", *reason, format!("{name:?} is already in use")),
    };
    let mut conditions = status.conditions.take().unwrap_or_default();
    let was_established = conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True");
    tell(&mut conditions, "NamesAccepted", accepted, now);
    if !was_established {
        let established = match conflict {
            None => ("True", "InitialNamesAccepted", "the initial names have been accepted".to_owned()),
            Some(_) => ("False", "NotAccepted", "not all names are accepted".to_owned()),
        };
        tell(&mut conditions, "Established", established, now);
    }
    status.accepted_names = Some(names);
    status.conditions = Some(conditions);
    status
}

/// Takes over the names that are free; gives the last that is not, and the reason that this is of a condition.
fn accept(
    wanted: &CustomResourceDefinitionNames,
    names: &mut CustomResourceDefinitionNames,
    taken: &Taken,
) -> Option<(&'static str, String)> {
    let mut conflict = None;
    let mut free = |name: &str, among: &BTreeSet<String>, reason| {
        let is_free = !among.contains(name);
        if !is_free {
            conflict = Some((reason, name.to_owned()));
        }
        is_free
    };
    if free(&wanted.plural, &taken.resources, "PluralConflict") {
        names.plural.clone_from(&wanted.plural);
    }
    if free(wanted.singular.as_deref().unwrap_or_default(), &taken.resources, "SingularConflict") {
        names.singular.clone_from(&wanted.singular);
    }
    let short = wanted.short_names.iter().flatten();
    if short.filter(|name| !free(name, &taken.resources, "ShortNamesConflict")).count() == 0 {
        names.short_names.clone_from(&wanted.short_names);
    }
    if free(&wanted.kind, &taken.kinds, "KindConflict") {
        names.kind.clone_from(&wanted.kind);
    }
    if free(wanted.list_kind.as_deref().unwrap_or_default(), &taken.kinds, "ListKindConflict") {
        names.list_kind.clone_from(&wanted.list_kind);
    }
    names.categories.clone_from(&wanted.categories);
    conflict
}

/// Sets a condition; its time is that of the last change of its status.
fn tell(
    conditions: &mut Vec<CustomResourceDefinitionCondition>,
    kind: &str,
    (status, reason, message): (&str, &str, String),
    now: Timestamp,
) {
    let old = conditions.iter_mut().find(|condition| condition.type_ == kind);
    let since = old.as_ref().filter(|old| old.status == status).and_then(|old| old.last_transition_time.clone());
    let now = now.round(jiff::Unit::Second).unwrap_or(now);
    let new = CustomResourceDefinitionCondition {
        type_: kind.to_owned(),
        status: status.to_owned(),
        reason: Some(reason.to_owned()),
        message: Some(message),
        last_transition_time: since.or(Some(Time(now))),
        ..CustomResourceDefinitionCondition::default()
    };
    match old {
        Some(old) => *old = new,
        None => conditions.push(new),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::controllers::fixtures::noon;

    fn definition(kind: &str) -> Definition {
        let names = json!({"plural": "things", "singular": "thing", "kind": kind, "listKind": "ThingList"});
        let spec = json!({"group": "example.com", "scope": "Cluster", "names": names, "versions": []});
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    #[test]
    fn names_that_are_free_are_given_and_the_resource_is_established() {
        let status = judged(&definition("Thing"), &Taken::default(), noon());
        assert_eq!(status.accepted_names, Some(definition("Thing").spec.names));
        let conditions = status.conditions.clone().unwrap();
        assert!(conditions.iter().all(|condition| condition.status == "True"), "{conditions:?}");
        let again = Definition { status: status.clone(), ..definition("Thing") };
        assert_eq!(judged(&again, &Taken::default(), noon()), status);
    }

    #[test]
    fn a_name_that_another_has_is_refused_until_it_is_let_go() {
        let first = Definition { status: judged(&definition("Thing"), &Taken::default(), noon()), ..definition("Thing") };
        let refused = judged(&definition("Other"), &Taken::of(first.status.accepted_names), noon());
        let conditions = refused.conditions.clone().unwrap();
        assert_eq!(conditions[0].reason.as_deref(), Some("ListKindConflict"));
        assert_eq!(conditions[0].message.as_deref(), Some("\"ThingList\" is already in use"));
        assert_eq!((conditions[1].status.as_str(), conditions[1].reason.as_deref()), ("False", Some("NotAccepted")));
        assert_eq!(refused.accepted_names.clone().unwrap().kind, "Other");
        let freed = judged(&Definition { status: refused, ..definition("Other") }, &Taken::default(), noon());
        assert!(freed.conditions.unwrap().iter().all(|condition| condition.status == "True"));
    }
}
