//! What the engine leaves to us of the processes and control groups that it made.

use std::path::{Path, PathBuf};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::engine::Engine;

const ROOT: &str = "/sys/fs/cgroup";

/// Removes the group under which a sandbox's containers had theirs, and the same in every hierarchy of version 1: the engine makes it, and
/// never removes it. A group that is not empty stays; so does one that we may not remove.
pub(super) fn remove(parent: &str) {
    own_group(parent).into_iter().for_each(remove_group);
}

/// Removes that group and those above it that are empty then.
pub(super) fn remove_with_ancestors(parent: &str) {
    let ancestors = own_group(parent).into_iter().flat_map(Path::ancestors);
    ancestors.take_while(|group| *group != Path::new("")).for_each(remove_group);
}

fn remove_group(group: &Path) {
    let hierarchies = std::fs::read_dir(ROOT).into_iter().flatten().flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([PathBuf::from(ROOT)]) {
        let _ = std::fs::remove_dir(hierarchy.join(group));
    }
}

/// The path below the root, unless it could lead elsewhere. systemd sees to its slices itself.
fn own_group(parent: &str) -> Option<&Path> {
    let relative = Path::new(parent.trim_start_matches('/'));
    let plain = relative.components().all(|part| matches!(part, std::path::Component::Normal(_)));
    (plain && relative != Path::new("") && !parent.ends_with(".slice")).then_some(relative)
}

/// Whether processes may be given a lower chance of being killed than their parent's: where the whole machine (a container, a sandbox) lacks
/// CAP_SYS_RESOURCE, so does the engine.
pub(super) fn may_protect_from_oom() -> bool {
    const CAP_SYS_RESOURCE: u64 = 1 << 24;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bounding = status.lines().find_map(|line| line.strip_prefix("CapBnd:"));
    let bounding = bounding.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    bounding.is_none_or(|set| set & CAP_SYS_RESOURCE != 0)
}

/// Kills a command that has taken too long: the engine cannot. Without the right to, it runs on.
pub(super) async fn kill_exec(engine: &Engine, id: &str) {
    if let Ok(inspected) = engine.client.inspect_exec(id).await
        && inspected.running == Some(true)
        && let Some(pid @ 2..) = inspected.pid
    {
        let _ = kill(Pid::from_raw(pid as i32), Signal::SIGKILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_paths_are_groups_of_ours() {
        assert_eq!(own_group("/kabuki/pod1"), Some(Path::new("kabuki/pod1")));
        for parent in ["", "/", "/../etc", "/a/../../b", "kubepods-pod1.slice"] {
            assert_eq!(own_group(parent), None, "{parent}");
        }
    }
}
