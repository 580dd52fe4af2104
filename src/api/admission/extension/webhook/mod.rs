//! Webhooks: others that are asked about writes over HTTPS.

mod caller;
mod destination;
mod review;

use futures::future::join_all;
use k8s_openapi::api::admissionregistration::v1::{MatchCondition, RuleWithOperations, WebhookClientConfig};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector;
use serde::Deserialize;
use serde_json::Value;

pub use caller::{Answer, Caller, Destination, Failure};
use review::{Review, Verdict};

use super::Asking;
use super::attributes::{Attributes, converted};
use super::matching::Criteria;
use super::policy::meets;
use crate::api::authorization::Authorizer;
use crate::api::expression::authority::Question;
use crate::api::expression::{Bindings, Budget, Environment, Program, Val};
use crate::api::kinds::Kind;
use crate::api::object::Object;
use crate::api::patch::json_patch;
use crate::api::status::Status;
use crate::runtime::store::Snapshot;

/// What conditions can name; its values are given in this order.
const ROOTS: [&str; 5] = ["object", "oldObject", "request", "namespaceObject", "authorizer"];
/// What the conditions of one webhook may cost (`RuntimeCELCostBudgetMatchConditions`).
const CONDITIONS_LIMIT: u64 = 2_500_000;

/// All webhooks of one sort, in order of configuration.
pub struct Webhooks(Vec<Webhook>);

struct Webhook {
    name: String,
    criteria: Criteria,
    conditions: Vec<Result<Program, String>>,
    client: WebhookClientConfig,
    ignores_failures: bool,
    /// Nothing comes of a dry run.
    is_dry: bool,
    is_reinvoked: bool,
    seconds: i32,
    /// The version of reviews.
    version: &'static str,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Configuration {
    webhooks: Vec<Declared>,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Declared {
    name: String,
    client_config: WebhookClientConfig,
    rules: Vec<RuleWithOperations>,
    failure_policy: Option<String>,
    match_policy: Option<String>,
    namespace_selector: Option<LabelSelector>,
    object_selector: Option<LabelSelector>,
    side_effects: String,
    timeout_seconds: Option<i32>,
    admission_review_versions: Vec<String>,
    reinvocation_policy: Option<String>,
    match_conditions: Vec<MatchCondition>,
}

/// What webhooks are reached and answered by.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    pub caller: Option<&'a dyn Caller>,
    pub authorizer: &'a Authorizer,
    /// A name for a review.
    pub uid: &'a (dyn Fn() -> String + Sync),
}

impl Webhooks {
    pub fn compile(snapshot: &Snapshot<Object>, collection: &str) -> Self {
        let configurations = snapshot.range(collection, "", None).filter_map(|(_, object)| object.parse::<Configuration>().ok());
        Self(configurations.flat_map(|configuration| configuration.webhooks).map(Webhook::compile).collect())
    }

    /// Asks all that are concerned at once; gives warnings.
    ///
    /// # Errors
    /// The first refusal, in order of configuration.
    pub async fn judge(&self, write: &Attributes<'_>, object: Option<&Value>, means: Means<'_>) -> Result<Vec<String>, Status> {
        let mut concerned = Vec::new();
        for webhook in &self.0 {
            if let Some(kind) = webhook.concerns(write, object, means)? {
                concerned.push(async move { webhook.ask(write, object, kind, means, false).await });
            }
        }
        let mut warnings = Vec::new();
        for verdict in join_all(concerned).await {
            warnings.extend(verdict?.map(|verdict| verdict.warnings).unwrap_or_default());
        }
        Ok(warnings)
    }

    /// Asks one after the other, each about what those before it have made of the object; gives warnings, and whether it was changed.
    /// Who wants that is asked again if others have changed it since.
    ///
    /// # Errors
    /// A refusal, or a patch that cannot be applied.
    pub async fn mutate(&self, write: &Attributes<'_>, object: &mut Value, means: Means<'_>) -> Result<(Vec<String>, bool), Status> {
        let (mut warnings, mut changes) = (Vec::new(), 0_usize);
        // How often the object had been changed when a webhook was last done with it.
        let mut seen: Vec<Option<usize>> = vec![None; self.0.len()];
        for round in 0..2 {
            for (webhook, seen) in self.0.iter().zip(&mut seen) {
                let is_due = round == 0 || webhook.is_reinvoked && seen.is_some_and(|seen| seen < changes);
                if !is_due {
                    continue;
                }
                let Some(kind) = webhook.concerns(write, Some(object), means)? else { continue };
                let verdict = webhook.ask(write, Some(object), kind, means, true).await?.unwrap_or_default();
                warnings.extend(verdict.warnings);
                if let Some(patch) = verdict.patch {
                    let before = object.clone();
                    let mut shown = converted(object, write.kind, kind);
                    json_patch(&mut shown, &patch).map_err(|status| Status::internal(status.message))?;
                    *object = converted(&shown, kind, write.kind);
                    if !object.is_object() || !object["metadata"].is_object() {
                        return Err(Status::internal(format!("the patch of admission webhook \"{}\" leaves no object", webhook.name)));
                    }
                    changes += usize::from(*object != before);
                }
                *seen = Some(changes);
            }
        }
        Ok((warnings, changes > 0))
    }
}

impl Webhook {
    fn compile(declared: Declared) -> Self {
        let environment = Environment::new(&ROOTS);
        let version = declared.admission_review_versions.iter().find_map(|version| match version.as_str() {
            "v1" => Some("v1"),
            "v1beta1" => Some("v1beta1"),
            _ => None,
        });
        Self {
            criteria: Criteria::of_webhook(
                &declared.rules,
                declared.match_policy.as_deref(),
                declared.namespace_selector.as_ref(),
                declared.object_selector.as_ref(),
            ),
            conditions: declared.match_conditions.iter().map(|condition| environment.compile(&condition.expression)).collect(),
            client: declared.client_config,
            ignores_failures: declared.failure_policy.as_deref() == Some("Ignore"),
            is_dry: matches!(declared.side_effects.as_str(), "None" | "NoneOnDryRun"),
            is_reinvoked: declared.reinvocation_policy.as_deref() == Some("IfNeeded"),
            seconds: declared.timeout_seconds.unwrap_or(10),
            version: version.unwrap_or("v1"),
            name: declared.name,
        }
    }

    /// The version in which it wants to be asked about a write; `None` if it does not.
    fn concerns<'a>(&self, write: &Attributes<'a>, object: Option<&Value>, means: Means) -> Result<Option<&'a Kind>, Status> {
        let Some(kind) = self.criteria.matches(write, object) else { return Ok(None) };
        if self.conditions.is_empty() {
            return Ok(Some(kind));
        }
        let null = Value::Null;
        let request = write.request(kind);
        let namespace = write.find_namespace().map_or(Value::Null, Object::value);
        let asking = Asking { user: write.user, authorizer: means.authorizer };
        let roots = vec![
            Val::of(object.unwrap_or(&null)),
            Val::of(write.old.unwrap_or(&null)),
            Val::of(&request),
            Val::of(&namespace),
            Val::Question(std::sync::Arc::new(Question::new(&asking))),
        ];
        match meets(&self.conditions, &Bindings::new(roots), &mut Budget::new(CONDITIONS_LIMIT, CONDITIONS_LIMIT)) {
            Ok(true) => Ok(Some(kind)),
            Ok(false) => Ok(None),
            Err(_) if self.ignores_failures => Ok(None),
            Err(why) => Err(Status::forbidden(write.kind.group(), write.kind.plural(), write.name, &why)),
        }
    }

    /// Sends a review; `None` if it failed and that does not matter.
    async fn ask(
        &self,
        write: &Attributes<'_>,
        object: Option<&Value>,
        kind: &Kind,
        means: Means<'_>,
        may_patch: bool,
    ) -> Result<Option<Verdict>, Status> {
        if write.dry_run && !self.is_dry {
            return Err(Status::bad_request(format!("admission webhook \"{}\" does not support dry run", self.name)));
        }
        let uid = (means.uid)();
        let review = Review { version: self.version, uid: &uid };
        let body = review.write(write, object, kind);
        let answer = match means.caller {
            None => Err(Failure("nothing outside can be reached".to_owned())),
            Some(caller) => match destination::of(&self.client, self.seconds, write.snapshot) {
                Err(failure) => Err(failure),
                Ok(destination) => caller.call(&destination, body).await,
            },
        };
        let failure = match answer {
            Ok(answer) => match answer.fault() {
                Some(why) => format!("failed to call webhook: {why}"),
                None => match review.read(&answer.body, may_patch) {
                    Ok(verdict) => return verdict.settled(&self.name).map(Some),
                    Err(review::Nonsense::Unreadable(why)) => format!("failed to call webhook: {why}"),
                    Err(review::Nonsense::Wrong(why)) => format!("received invalid webhook response: {why}"),
                },
            },
            Err(Failure(why)) => format!("failed to call webhook: {why}"),
        };
        let message = format!("failed calling webhook \"{}\": {failure}", self.name);
        if self.ignores_failures {
            tracing::warn!("{message}; its failure policy lets the write pass");
            return Ok(None);
        }
        Err(Status::internal(message))
    }
}
