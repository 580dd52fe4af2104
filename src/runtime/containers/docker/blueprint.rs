//! What the engine is asked to make, from what is wanted: pure functions.

use std::collections::HashMap;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount as EngineMount, MountBindOptions, MountBindOptionsPropagationEnum,
    MountType, PortBinding,
};

use super::labels::{Home, Sealed};
use super::pause;
use crate::runtime::containers::{
    ContainerSpec, Error, LogLimits, Mount, Namespaces, PidNamespace, PortMapping, Propagation, Protocol, Resources, Result, SandboxId,
    SandboxSpec, Seccomp, Security, User,
};

/// What a blueprint must know of the machine.
#[derive(Clone, Debug)]
pub(super) struct Ground {
    /// The engine hands control groups to systemd, which names them its own way.
    pub systemd_cgroups: bool,
    /// Whether a process may be made less likely to be killed for memory than the engine itself (CAP_SYS_RESOURCE).
    pub may_protect_from_oom: bool,
    /// The engine's network for sandboxes; `none` where Kabuki makes the network itself.
    pub network: String,
}

impl Ground {
    fn oom_score(&self, wanted: i32) -> i64 {
        if self.may_protect_from_oom { wanted.into() } else { wanted.max(0).into() }
    }

    /// systemd's name of a group: the slices on its path, each with its parents' names before its own.
    pub fn cgroup_parent(&self, path: &str) -> String {
        if !self.systemd_cgroups {
            return path.to_owned();
        }
        let parts: Vec<String> = path.split('/').filter(|part| !part.is_empty()).map(|part| part.replace('-', "_")).collect();
        format!("{}.slice", parts.join("-"))
    }
}

/// The engine's name of a sandbox: unique, so that none can be made twice.
pub(super) fn sandbox_name(home: &Home, spec: &SandboxSpec) -> String {
    format!("kabuki_{}_{}_{}_{}_{}", home.cluster, spec.name, spec.namespace, spec.uid, spec.attempt)
}

/// The engine's name of a container, unique in its sandbox.
pub(super) fn container_name(sandbox: &SandboxId, sealed: &Sealed, spec: &ContainerSpec) -> String {
    let short = &sandbox.0[..sandbox.0.len().min(12)];
    format!("kabuki_{}_{}_{}_{short}_{}", spec.name, sealed.name, sealed.namespace, spec.attempt)
}

pub(super) fn sandbox(spec: &SandboxSpec, labels: HashMap<String, String>, image: &str, ground: &Ground) -> ContainerCreateBody {
    let Namespaces { host_network, host_ipc, pid } = spec.namespaces;
    let dns = spec.dns.clone().unwrap_or_default();
    let published = if host_network || ground.network == "none" { &[] } else { spec.ports.as_slice() };
    let host_config = HostConfig {
        network_mode: Some(if host_network { "host".to_owned() } else { ground.network.clone() }),
        ipc_mode: Some(if host_ipc { "host" } else { "shareable" }.to_owned()),
        pid_mode: (pid == PidNamespace::Host).then(|| "host".to_owned()),
        dns: Some(dns.servers.iter().map(ToString::to_string).collect()),
        dns_search: Some(dns.searches),
        dns_options: Some(dns.options),
        sysctls: Some(spec.sysctls.clone().into_iter().collect()),
        cgroup_parent: spec.cgroup_parent.as_deref().map(|path| ground.cgroup_parent(path)),
        // What the pod's network hangs on goes last (upstream's score for pause).
        oom_score_adj: Some(ground.oom_score(-998)),
        log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        readonly_rootfs: Some(true),
        cpu_shares: Some(MIN_SHARES),
        port_bindings: Some(published.iter().map(publish).collect()),
        ..Default::default()
    };
    ContainerCreateBody {
        hostname: spec.hostname.clone().filter(|_| !host_network),
        image: Some(image.to_owned()),
        entrypoint: Some(vec![pause::ENTRYPOINT.to_owned()]),
        labels: Some(labels),
        exposed_ports: Some(published.iter().map(port_key).collect()),
        host_config: Some(host_config),
        ..Default::default()
    }
}

fn port_key(port: &PortMapping) -> String {
    let protocol = match port.protocol {
        Protocol::Tcp => "tcp",
        Protocol::Udp => "udp",
        Protocol::Sctp => "sctp",
    };
    format!("{}/{protocol}", port.container_port)
}

fn publish(port: &PortMapping) -> (String, Option<Vec<PortBinding>>) {
    let binding = PortBinding { host_ip: port.host_ip.map(|ip| ip.to_string()), host_port: Some(port.host_port.to_string()) };
    (port_key(port), Some(vec![binding]))
}

/// The smallest weight that the kernel knows.
const MIN_SHARES: i64 = 2;

/// The kernel's default period for limits, and its smallest quota, in microseconds.
const PERIOD: i64 = 100_000;
const MIN_QUOTA: i64 = 1_000;

pub(super) fn container(
    spec: &ContainerSpec,
    sandbox: &SandboxId,
    parent: Option<String>,
    namespaces: Namespaces,
    labels: HashMap<String, String>,
    ground: &Ground,
) -> Result<ContainerCreateBody> {
    let joined = || Some(format!("container:{sandbox}"));
    let mut host_config = HostConfig {
        network_mode: joined(),
        ipc_mode: joined(),
        pid_mode: match (&spec.processes_of, namespaces.pid) {
            (Some(other), _) => Some(format!("container:{other}")),
            (None, PidNamespace::Container) => None,
            (None, PidNamespace::Sandbox) => joined(),
            (None, PidNamespace::Host) => Some("host".to_owned()),
        },
        cgroup_parent: parent,
        mounts: Some(spec.mounts.iter().map(mount).collect::<Result<_>>()?),
        log_config: Some(log(spec.log)),
        ..Default::default()
    };
    limit(&mut host_config, spec.resources, ground);
    secure(&mut host_config, &spec.security)?;
    let some = |words: &[String]| (!words.is_empty()).then(|| words.to_vec());
    Ok(ContainerCreateBody {
        image: Some(spec.image.clone()),
        entrypoint: some(&spec.command),
        cmd: some(&spec.args),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        working_dir: spec.working_dir.clone(),
        user: user(&spec.security),
        tty: Some(spec.tty),
        open_stdin: Some(spec.stdin),
        stdin_once: Some(spec.stdin_once),
        attach_stdin: Some(spec.stdin && spec.stdin_once),
        stop_signal: spec.stop_signal.clone(),
        labels: Some(labels),
        host_config: Some(host_config),
        ..Default::default()
    })
}

fn mount(mount: &Mount) -> Result<EngineMount> {
    let source = mount.source.to_str().ok_or_else(|| Error::Invalid(format!("the path {:?} is not UTF-8", mount.source)))?;
    let propagation = match mount.propagation {
        // The engine's own choice, which for mounts that hold its root is not private: it refuses that.
        Propagation::Private => None,
        Propagation::HostToContainer => Some(MountBindOptionsPropagationEnum::RSLAVE),
        Propagation::Bidirectional => Some(MountBindOptionsPropagationEnum::RSHARED),
    };
    Ok(EngineMount {
        typ: Some(MountType::BIND),
        source: Some(source.to_owned()),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        bind_options: Some(MountBindOptions { propagation, ..Default::default() }),
        ..Default::default()
    })
}

/// Two files at least: the engine rotates only then.
fn log(limits: LogLimits) -> HostConfigLogConfig {
    let options = [("max-size", limits.max_file_bytes.max(1)), ("max-file", limits.max_files.max(2).into())];
    let config = options.map(|(name, value)| (name.to_owned(), value.to_string())).into();
    HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(config) }
}

fn limit(host_config: &mut HostConfig, resources: Resources, ground: &Ground) {
    let shares = resources.cpu_request_millis.saturating_mul(1024) / 1000;
    host_config.cpu_shares = Some(shares.clamp(MIN_SHARES as u64, 262_144) as i64);
    if let Some(millis) = resources.cpu_limit_millis {
        host_config.cpu_period = Some(PERIOD);
        host_config.cpu_quota = Some((millis as i64).saturating_mul(PERIOD / 1000).max(MIN_QUOTA));
    }
    if let Some(bytes) = resources.memory_limit_bytes {
        // The same limit with swap: none of it may be used.
        host_config.memory = Some(bytes as i64);
        host_config.memory_swap = Some(bytes as i64);
    }
    host_config.oom_score_adj = Some(ground.oom_score(resources.oom_score_adj));
    host_config.pids_limit = resources.pids_limit.map(|limit| limit as i64);
}

fn secure(host_config: &mut HostConfig, security: &Security) -> Result<()> {
    let mut options = Vec::new();
    if security.no_new_privileges {
        options.push("no-new-privileges".to_owned());
    }
    match &security.seccomp {
        Seccomp::RuntimeDefault => {}
        Seccomp::Unconfined => options.push("seccomp=unconfined".to_owned()),
        Seccomp::File(path) => {
            // The engine takes the profile itself, not its path.
            let profile = std::fs::read_to_string(path).map_err(|error| Error::Invalid(format!("seccomp profile {path:?}: {error}")))?;
            options.push(format!("seccomp={profile}"));
        }
    }
    options.extend(security.apparmor.as_ref().map(|profile| format!("apparmor={profile}")));
    if security.unmasked_proc {
        host_config.masked_paths = Some(Vec::new());
        host_config.readonly_paths = Some(Vec::new());
    }
    host_config.security_opt = Some(options);
    host_config.privileged = Some(security.privileged);
    host_config.readonly_rootfs = Some(security.read_only_root);
    host_config.group_add = Some(security.supplementary_groups.iter().map(ToString::to_string).collect());
    host_config.cap_add = Some(security.capabilities.add.clone());
    host_config.cap_drop = Some(security.capabilities.drop.clone());
    Ok(())
}

/// `user[:group]`; a group alone needs the user's number, which is root's unless somebody says else.
fn user(security: &Security) -> Option<String> {
    let user = security.user.as_ref().map(|user| match user {
        User::Id(id) => id.to_string(),
        User::Name(name) => name.clone(),
    });
    match (user, security.group) {
        (user, None) => user,
        (user, Some(group)) => Some(format!("{}:{group}", user.unwrap_or_else(|| "0".to_owned()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ground() -> Ground {
        Ground { systemd_cgroups: false, may_protect_from_oom: true, network: "none".to_owned() }
    }

    fn host_config(spec: &ContainerSpec, ground: &Ground) -> HostConfig {
        let made = container(spec, &SandboxId("s".into()), None, Namespaces::default(), HashMap::new(), ground);
        made.unwrap().host_config.unwrap()
    }

    #[test]
    fn resources_become_the_kernels_numbers() {
        let cases = [
            (0, None, (2, None)),
            (250, Some(500), (256, Some(50_000))),
            (1000, Some(1), (1024, Some(1_000))),
            (u64::MAX, Some(2000), (262_144, Some(200_000))),
        ];
        for (cpu_request_millis, cpu_limit_millis, expected) in cases {
            let resources = Resources { cpu_request_millis, cpu_limit_millis, ..Default::default() };
            let made = host_config(&ContainerSpec { resources, ..Default::default() }, &ground());
            assert_eq!((made.cpu_shares.unwrap(), made.cpu_quota), expected, "{cpu_request_millis} {cpu_limit_millis:?}");
        }
        let resources = Resources { memory_limit_bytes: Some(1 << 20), oom_score_adj: -997, ..Default::default() };
        let spec = ContainerSpec { resources, ..Default::default() };
        let made = host_config(&spec, &ground());
        assert_eq!((made.memory, made.memory_swap, made.oom_score_adj), (Some(1 << 20), Some(1 << 20), Some(-997)));
        let bounded = Ground { may_protect_from_oom: false, ..ground() };
        assert_eq!(host_config(&spec, &bounded).oom_score_adj, Some(0));
    }

    #[test]
    fn a_user_and_a_group_are_one_word() {
        let cases = [
            (None, None, None),
            (Some(User::Id(1000)), None, Some("1000")),
            (Some(User::Name("app".to_owned())), Some(5), Some("app:5")),
            (None, Some(5), Some("0:5")),
        ];
        for (user_of, group, expected) in cases {
            let security = Security { user: user_of, group, ..Default::default() };
            assert_eq!(user(&security).as_deref(), expected);
        }
    }

    /// The engine refuses a mount of its own root, or of what holds it, unless it may choose the propagation itself.
    #[test]
    fn a_private_mount_leaves_the_propagation_to_the_engine() {
        let made = |propagation| {
            let mount = Mount { source: "/".into(), target: "/host".to_owned(), read_only: true, propagation };
            let made = host_config(&ContainerSpec { mounts: vec![mount], ..Default::default() }, &ground());
            made.mounts.unwrap().remove(0).bind_options.and_then(|options| options.propagation)
        };
        assert_eq!(made(Propagation::Private), None);
        assert_eq!(made(Propagation::HostToContainer), Some(MountBindOptionsPropagationEnum::RSLAVE));
    }

    #[test]
    fn systemd_names_a_group_after_its_path() {
        let systemd = Ground { systemd_cgroups: true, ..ground() };
        assert_eq!(systemd.cgroup_parent("/kubepods/burstable/pod12-34"), "kubepods-burstable-pod12_34.slice");
        assert_eq!(ground().cgroup_parent("/kubepods/pod1"), "/kubepods/pod1");
    }

    #[test]
    fn ports_are_published_only_on_the_engines_network() {
        let port = PortMapping { protocol: Protocol::Udp, container_port: 53, host_port: 5353, host_ip: None };
        let spec = SandboxSpec { ports: vec![port], ..Default::default() };
        let published = |network: &str| {
            let ground = Ground { network: network.to_owned(), ..ground() };
            sandbox(&spec, HashMap::new(), "pause", &ground).exposed_ports.unwrap()
        };
        assert_eq!(published("bridge"), ["53/udp"]);
        assert!(published("none").is_empty());
    }
}
