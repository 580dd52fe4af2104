//! How a worker carries out what was decided.

use std::time::Duration;

use futures::future::{join, join_all};
use jiff::SignedDuration;
use k8s_openapi::api::core::v1::{ConfigMap, Pod, Secret};

use super::{Work, pod_ip};
use crate::actors::events::About;
use crate::actors::kubelet::files::Place;
use crate::actors::kubelet::lifecycle::{Action, Member, SANDBOX, Trouble, World, members};
use crate::actors::kubelet::spec::{self, Parts, Sources};
use crate::actors::kubelet::{hooks, images, volumes};
use crate::api::object::Object;
use crate::api::status::Status;
use crate::runtime::clock;
use crate::runtime::containers::{ContainerId, Error, Mount, Propagation};

/// Failures to make a container are tried again after 10 s, doubling to 5 min, as upstream's back-off does.
const FIRST_RETRY: SignedDuration = SignedDuration::from_secs(10);
const LAST_RETRY: SignedDuration = SignedDuration::from_mins(5);
/// A postStart hook has no limit of its own.
const HOOK_LIMIT: Duration = Duration::from_secs(600);
/// After a preStop hook has used up the grace, a container has this long to stop.
const LEAST_GRACE: Duration = Duration::from_secs(2);
const HOSTS: &str = "/etc/hosts";

/// Why a container was not started: the waiting reason and its message.
struct Failure(&'static str, String);

/// What an action is about.
struct Subject<'a> {
    object: &'a Object,
    pod: &'a Pod,
    world: &'a World,
}

impl Work {
    /// Carries out the actions: those that end something together, the others in order.
    pub(super) async fn act(&self, object: &Object, pod: &Pod, world: &World, actions: Vec<Action>) -> Result<(), String> {
        let subject = Subject { object, pod, world };
        let (stops, others): (Vec<_>, Vec<_>) = actions.into_iter().partition(|action| matches!(action, Action::Stop { .. }));
        let stops = stops.into_iter().map(|action| self.act_one(&subject, action));
        join_all(stops).await.into_iter().collect::<Result<(), _>>()?;
        for action in others {
            self.act_one(&subject, action).await?;
        }
        Ok(())
    }

    async fn act_one(&self, subject: &Subject<'_>, action: Action) -> Result<(), String> {
        let runtime = &self.context.machine.runtime;
        let done = match action {
            Action::RunSandbox { attempt } => return self.run_sandbox(subject, attempt).await,
            Action::Start { name, attempt, restart_delay } => {
                self.start(subject, &name, attempt, restart_delay).await;
                return Ok(());
            }
            Action::Stop { id, name, grace, message } => return self.stop(subject, &id, &name, grace, message).await,
            Action::StopSandbox(id) => runtime.stop_sandbox(&id).await,
            Action::RemoveSandbox(id) => runtime.remove_sandbox(&id).await,
            Action::Remove(id) => runtime.remove_container(&id).await,
        };
        done.map_err(|error| error.to_string())
    }

    /// Makes the volumes, then the sandbox.
    async fn run_sandbox(&self, subject: &Subject<'_>, attempt: u32) -> Result<(), String> {
        if attempt > 0 {
            let message = "Pod sandbox changed, it will be killed and re-created.";
            self.context.events.normal(self.about(subject.object), "SandboxChanged", message);
        }
        if let Err(error) = self.mount(subject.object, subject.pod).await {
            self.note_trouble(SANDBOX, Failure("ContainerCreating", error));
            return Ok(());
        }
        let resolv_conf = self.resolv_conf().await;
        let spec = spec::sandbox_spec(subject.pod, self.facts(), attempt, &resolv_conf);
        // The engine has time for both at once.
        let (made, ()) = join(self.context.machine.runtime.run_sandbox(&spec), self.look_for_image(subject.pod)).await;
        match made {
            Ok(_) => self.forget_trouble(SANDBOX),
            Err(error) => {
                let message = format!("Failed to create pod sandbox: {error}");
                self.context.events.warning(self.about(subject.object), "FailedCreatePodSandBox", message.clone());
                self.note_trouble(SANDBOX, Failure("ContainerCreating", message));
            }
        }
        Ok(())
    }

    /// Finds the image that is needed next.
    async fn look_for_image(&self, pod: &Pod) {
        let members = members(pod);
        let Some(member) = members.first().filter(|member| !images::is_always_pulled(member)) else { return };
        let reference = member.spec.image.clone().unwrap_or_default();
        let found = self.context.machine.runtime.image(&reference).await;
        self.memory.borrow_mut().image = found.ok().map(|image| (reference, image));
    }

    async fn resolv_conf(&self) -> String {
        if let Some(text) = self.memory.borrow().resolv_conf.clone() {
            return text;
        }
        let text = self.context.machine.files.read_host("/etc/resolv.conf").await.unwrap_or_default();
        self.memory.borrow_mut().resolv_conf.insert(text).clone()
    }

    async fn start(&self, subject: &Subject<'_>, name: &str, attempt: u32, restart_delay: Duration) {
        let members = members(subject.pod);
        let Some(member) = members.iter().find(|member| member.name() == name) else { return };
        let about = self.about(subject.object).field(member.field_path());
        match self.try_start(subject, member, attempt, restart_delay, &about).await {
            Ok(()) => self.forget_trouble(name),
            Err(failure) => {
                if !matches!(failure.0, "ErrImagePull" | "InvalidImageName" | "ErrImageNeverPull") {
                    self.context.events.warning(about, "Failed", format!("Error: {}", failure.1));
                }
                self.note_trouble(name, failure);
            }
        }
    }

    async fn try_start(
        &self,
        subject: &Subject<'_>,
        member: &Member<'_>,
        attempt: u32,
        restart_delay: Duration,
        about: &About,
    ) -> Result<(), Failure> {
        let runtime = &self.context.machine.runtime;
        let sandbox = subject.world.ready_sandbox().map(|sandbox| sandbox.id.clone());
        let sandbox = sandbox.ok_or_else(|| Failure("CreateContainerError", "the sandbox is gone".to_owned()))?;
        let known = self.memory.borrow_mut().image.take().filter(|(reference, _)| member.spec.image.as_ref() == Some(reference));
        let image = images::ensure(&self.context, subject.pod, member, known.map(|(_, image)| image), about).await;
        let image = image.map_err(|failure| Failure(failure.reason, failure.message))?;
        let config = |message| Failure("CreateContainerConfigError", message);
        spec::runs_as_root(subject.pod, &member.spec, image.user.as_ref()).map_err(config)?;
        let pod = with_address(subject, &self.context.options.node_ips);
        let env = self.environment(&pod, member).await.map_err(config)?;
        let mounts = self.mounts(subject.object, &pod, member, attempt, &env).await.map_err(config)?;
        let processes_of = target(subject.world, member).map_err(config)?;
        let parts = Parts { env, mounts, attempt, restart_delay, processes_of };
        let spec = spec::container_spec(&pod, member, parts, self.facts());
        let created = runtime.create_container(&sandbox, &spec).await;
        let id = created.map_err(|error| Failure("CreateContainerError", error.to_string()))?;
        self.context.events.normal(about.clone(), "Created", "Container created");
        match runtime.start_container(&id).await {
            Ok(()) => {}
            // It has ended, so its restart policy decides on the rest.
            Err(error @ Error::StartFailed(_)) => {
                self.context.events.warning(about.clone(), "Failed", format!("Error: {error}"));
                return Ok(());
            }
            Err(error) => {
                // A container that is left as merely created would be made again at once.
                let _ = runtime.remove_container(&id).await;
                return Err(Failure("RunContainerError", error.to_string()));
            }
        }
        self.context.events.normal(about.clone(), "Started", "Container started");
        self.post_start(subject, member, &id, about).await;
        Ok(())
    }

    /// A container whose postStart hook fails is ended; its restart policy decides on the rest.
    async fn post_start(&self, subject: &Subject<'_>, member: &Member<'_>, id: &ContainerId, about: &About) {
        let Some(hook) = member.spec.lifecycle.as_ref().and_then(|lifecycle| lifecycle.post_start.as_ref()) else { return };
        let ip = pod_ip(subject.world, &self.context);
        if let Err(error) = hooks::run(&self.context.machine, id, &member.spec, ip, hook, HOOK_LIMIT).await {
            self.context.events.warning(about.clone(), "FailedPostStartHook", format!("PostStartHook failed: {error}"));
            let message = "FailedPostStartHook".to_owned();
            let grace = subject.pod.spec.as_ref().and_then(|spec| spec.termination_grace_period_seconds);
            let grace = Duration::from_secs(grace.and_then(|grace| u64::try_from(grace).ok()).unwrap_or(30));
            if let Err(error) = self.stop(subject, id, member.name(), grace, message).await {
                tracing::warn!(pod = self.desk.uid(), error, "a container whose postStart hook failed could not be stopped");
            }
        }
    }

    async fn stop(&self, subject: &Subject<'_>, id: &ContainerId, name: &str, grace: Duration, message: String) -> Result<(), String> {
        let members = members(subject.pod);
        let member = members.iter().find(|member| member.name() == name);
        let about = self.about(subject.object).field(member.map(Member::field_path).unwrap_or_default());
        self.context.events.normal(about.clone(), "Killing", message);
        let hook = member.and_then(|member| Some((member, member.spec.lifecycle.as_ref()?.pre_stop.as_ref()?)));
        let mut left = grace;
        if let Some((member, hook)) = hook {
            let start = clock::instant();
            let ip = pod_ip(subject.world, &self.context);
            if let Err(error) = hooks::run(&self.context.machine, id, &member.spec, ip, hook, grace).await {
                self.context.events.warning(about, "FailedPreStopHook", format!("PreStopHook failed: {error}"));
            }
            left = grace.saturating_sub(start.elapsed()).max(LEAST_GRACE);
        }
        self.context.machine.runtime.stop_container(id, left).await.map_err(|error| error.to_string())
    }

    async fn environment(&self, pod: &Pod, member: &Member<'_>) -> Result<Vec<(String, String)>, String> {
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let (maps, secrets) = Sources::names(&member.spec);
        let mut sources = Sources::default();
        for name in maps {
            let map = found(self.context.client.typed::<ConfigMap>().get(namespace, &name).await)?;
            sources.config_maps.insert(name, map);
        }
        for name in secrets {
            let secret = found(self.context.client.typed::<Secret>().get(namespace, &name).await)?;
            sources.secrets.insert(name, secret);
        }
        let wants_links = pod.spec.as_ref().and_then(|spec| spec.enable_service_links) != Some(false);
        let services = self.context.service_variables(namespace, wants_links);
        spec::environment(pod, &member.spec, services, &sources, self.facts())
    }

    /// The container's own mounts, the pod's `/etc/hosts`, and a place for its last words.
    async fn mounts(
        &self,
        object: &Object,
        pod: &Pod,
        member: &Member<'_>,
        attempt: u32,
        env: &[(String, String)],
    ) -> Result<Vec<Mount>, String> {
        let has_volumes = self.memory.borrow().mounted.is_some();
        if !has_volumes {
            // This life of the worker has adopted the sandbox.
            self.mount(object, pod).await?;
        }
        let mounted = self.memory.borrow().mounted.clone().unwrap_or_default();
        let mut mounts = volumes::mounts(&self.context, &member.spec, &mounted, env).await?;
        let files = &self.context.machine.files;
        let uid = self.desk.uid();
        let file = |source, target: &str| Mount { source, target: target.to_owned(), read_only: false, propagation: Propagation::Private };
        if !mounts.iter().any(|mount| mount.target == HOSTS) {
            let host = if spec::is_host_network(pod) { files.read_host(HOSTS).await.unwrap_or_default() } else { String::new() };
            let ip = pod.status.as_ref().and_then(|status| status.pod_ip.as_deref());
            let text = spec::hosts(pod, ip, self.facts(), &host);
            let source = files.file(Place { pod: uid, path: "etc-hosts" }, text.as_bytes(), 0o644).await;
            mounts.push(file(source.map_err(|error| error.to_string())?, HOSTS));
        }
        let target = member.spec.termination_message_path.as_deref().unwrap_or("/dev/termination-log");
        let path = format!("containers/{}/{attempt}", member.name());
        let source = files.file(Place { pod: uid, path: &path }, b"", 0o666).await.map_err(|error| error.to_string())?;
        mounts.push(file(source, target));
        Ok(mounts)
    }

    fn note_trouble(&self, name: &str, Failure(reason, message): Failure) {
        let mut memory = self.memory.borrow_mut();
        let failures = memory.failures.entry(name.to_owned()).or_default();
        let doublings = (*failures).min(5);
        *failures += 1;
        let delay = (FIRST_RETRY * (1 << doublings)).min(LAST_RETRY);
        memory.troubles.insert(name.to_owned(), Trouble { reason, message, retry_at: clock::now() + delay });
    }

    fn forget_trouble(&self, name: &str) {
        let mut memory = self.memory.borrow_mut();
        memory.troubles.remove(name);
        memory.failures.remove(name);
    }
}

/// The container whose processes an ephemeral one is to see, if it is to.
fn target(world: &World, member: &Member) -> Result<Option<ContainerId>, String> {
    let Some(name) = &member.target else { return Ok(None) };
    let running = world.running().find(|container| container.name == *name);
    running.map(|container| Some(container.id.clone())).ok_or_else(|| format!("cannot find target container {name:?}: it is not running"))
}

/// The pod with the address that its sandbox has by now: environment and files may show it.
fn with_address(subject: &Subject, node_ips: &[std::net::IpAddr]) -> Pod {
    let mut pod = subject.pod.clone();
    let sandbox = subject.world.ready_sandbox();
    let ips: Vec<_> = match sandbox {
        Some(sandbox) if sandbox.namespaces.host_network => node_ips.to_vec(),
        Some(sandbox) => sandbox.ip.into_iter().collect(),
        None => Vec::new(),
    };
    let status = pod.status.get_or_insert_default();
    status.pod_ip = ips.first().map(ToString::to_string);
    status.pod_ips = Some(ips.iter().map(|ip| k8s_openapi::api::core::v1::PodIP { ip: ip.to_string() }).collect());
    pod
}

/// What does not exist is for the environment to judge.
fn found<T>(result: Result<T, Status>) -> Result<Option<T>, String> {
    match result {
        Ok(object) => Ok(Some(object)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error.message),
    }
}
