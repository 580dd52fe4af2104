//! The files of a real node, below one directory: `<root>/pods/<uid>/…`.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::{Component, Path, PathBuf};

use async_trait::async_trait;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{Gid, Uid, chown};

use super::{Empty, NodeFiles, Ownership, Payload, Place};

/// The link through which a written volume's files are read.
const DATA: &str = "..data";

/// Files below a directory of this machine.
pub struct HostFiles {
    root: PathBuf,
}

impl HostFiles {
    /// `root` is made when it is first needed.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Removes what any kubelet has made below a directory, mounts included. Blocks.
    ///
    /// # Errors
    /// The first thing that cannot be unmounted or removed.
    pub fn remove_everything(root: &Path) -> io::Result<()> {
        remove_mounts_and_tree(root)
    }

    fn pods_dir(&self) -> PathBuf {
        self.root.join("pods")
    }

    fn at(&self, place: Place<'_>) -> PathBuf {
        self.pods_dir().join(place.pod).join(place.path)
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}

#[async_trait]
impl NodeFiles for HostFiles {
    async fn empty(&self, place: Place<'_>, empty: Empty) -> io::Result<PathBuf> {
        let path = self.at(place);
        blocking(move || {
            let is_new = !path.exists();
            fs::create_dir_all(&path)?;
            if empty.memory && !is_mount_point(&path)? {
                let size = empty.size_limit_bytes.map_or_else(String::new, |bytes| format!(",size={bytes}"));
                let options = format!("mode=0777{size}");
                mount(Some("tmpfs"), &path, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options.as_str()))?;
            }
            if is_new {
                let sticky = if empty.ownership.group.is_some() { 0o2777 } else { 0o777 };
                chown(&path, None, empty.ownership.group.map(Gid::from_raw))?;
                fs::set_permissions(&path, Permissions::from_mode(sticky))?;
            }
            Ok(path)
        })
        .await
    }

    async fn write(&self, place: Place<'_>, payload: &Payload, ownership: Ownership) -> io::Result<PathBuf> {
        let (path, payload) = (self.at(place), payload.clone());
        blocking(move || {
            fs::create_dir_all(&path)?;
            if !holds(&path, &payload) {
                replace(&path, &payload, ownership)?;
            }
            Ok(path)
        })
        .await
    }

    async fn file(&self, place: Place<'_>, bytes: &[u8], mode: u32) -> io::Result<PathBuf> {
        let (path, bytes) = (self.at(place), bytes.to_vec());
        blocking(move || {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            if fs::read(&path).is_ok_and(|old| old == bytes) {
                return Ok(path);
            }
            File::options().create(true).truncate(true).write(true).open(&path)?.write_all(&bytes)?;
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
            Ok(path)
        })
        .await
    }

    async fn host_path(&self, path: &Path, kind: &str) -> io::Result<PathBuf> {
        let (path, kind) = (path.to_owned(), kind.to_owned());
        blocking(move || check_host_path(&path, &kind).map(|()| path)).await
    }

    async fn sub_path(&self, volume: &Path, relative: &str) -> io::Result<PathBuf> {
        let (volume, relative) = (volume.to_owned(), PathBuf::from(relative));
        blocking(move || sub_path(&volume, &relative)).await
    }

    async fn tail(&self, place: Place<'_>, limit: usize) -> io::Result<String> {
        let path = self.at(place);
        blocking(move || {
            let mut file = File::open(path)?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(limit as u64)))?;
            let mut bytes = Vec::new();
            file.take(limit as u64).read_to_end(&mut bytes)?;
            Ok(String::from_utf8_lossy(&bytes).into_owned())
        })
        .await
    }

    async fn read_host(&self, path: &str) -> io::Result<String> {
        let path = path.to_owned();
        blocking(move || fs::read_to_string(path)).await
    }

    async fn remove(&self, pod: &str) -> io::Result<()> {
        let path = self.pods_dir().join(pod);
        blocking(move || remove_mounts_and_tree(&path)).await
    }

    async fn pods(&self) -> io::Result<Vec<String>> {
        let path = self.pods_dir();
        blocking(move || match fs::read_dir(path) {
            Ok(entries) => entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        })
        .await
    }
}

/// It is on another device than its parent.
fn is_mount_point(path: &Path) -> io::Result<bool> {
    let parent = path.parent().unwrap_or(path);
    Ok(fs::symlink_metadata(path)?.dev() != fs::symlink_metadata(parent)?.dev())
}

/// The directory shows exactly this content already.
fn holds(path: &Path, payload: &Payload) -> bool {
    let data = path.join(DATA);
    let same = |(name, content): (&String, &super::Content)| {
        let file = data.join(name);
        fs::read(&file).is_ok_and(|bytes| bytes == content.bytes)
            && fs::metadata(&file).is_ok_and(|metadata| metadata.mode() & 0o777 == content.mode & 0o777)
    };
    count_files(&data).is_ok_and(|count| count == payload.len()) && payload.iter().all(same)
}

fn count_files(directory: &Path) -> io::Result<usize> {
    let mut count = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        count += if entry.file_type()?.is_dir() { count_files(&entry.path())? } else { 1 };
    }
    Ok(count)
}

/// Writes the content to a directory of its own, then turns the link `..data` to it: all changes at once, or not at all.
fn replace(path: &Path, payload: &Payload, ownership: Ownership) -> io::Result<()> {
    let old = fs::read_link(path.join(DATA)).ok();
    let generation = old.as_ref().and_then(|old| old.to_str()?.strip_prefix("..gen_")?.parse::<u64>().ok()).map_or(0, |old| old + 1);
    let new = PathBuf::from(format!("..gen_{generation}"));
    let directory = path.join(&new);
    remove_tree(&directory)?;
    fs::create_dir_all(&directory)?;
    for (name, content) in payload {
        let file = directory.join(name);
        if let Some(parent) = file.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(&file, &content.bytes)?;
        let group_may = if ownership.group.is_some() { 0o440 } else { 0 };
        chown(&file, ownership.user.map(Uid::from_raw), ownership.group.map(Gid::from_raw))?;
        fs::set_permissions(&file, Permissions::from_mode(content.mode | group_may))?;
    }
    let turning = path.join("..data_tmp");
    remove_tree(&turning)?;
    symlink(&new, &turning)?;
    fs::rename(&turning, path.join(DATA))?;
    show(path, payload)?;
    old.map_or(Ok(()), |old| remove_tree(&path.join(old)))
}

/// Links what stands at the top of the content into the directory, and removes what is not there any more.
fn show(path: &Path, payload: &Payload) -> io::Result<()> {
    let top = |name: &str| name.split('/').next().unwrap_or_default().to_owned();
    let shown: Vec<String> = payload.keys().map(|name| top(name)).collect();
    for name in &shown {
        let link = path.join(name);
        if fs::symlink_metadata(&link).is_err() {
            symlink(Path::new(DATA).join(name), link)?;
        }
    }
    for entry in fs::read_dir(path)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if !name.starts_with("..") && !shown.contains(&name) {
            fs::remove_file(path.join(name))?;
        }
    }
    Ok(())
}

fn check_host_path(path: &Path, kind: &str) -> io::Result<()> {
    let wrong = |what: &str| Err(io::Error::other(format!("hostPath type check failed: {} is not {what}", path.display())));
    let metadata = fs::metadata(path);
    match (kind, metadata) {
        ("DirectoryOrCreate", Err(_)) => fs::create_dir_all(path),
        ("FileOrCreate", Err(_)) => File::create(path).map(drop),
        ("", Err(_)) => fs::create_dir_all(path),
        ("", Ok(_)) => Ok(()),
        ("Directory" | "DirectoryOrCreate", Ok(metadata)) if metadata.is_dir() => Ok(()),
        ("File" | "FileOrCreate", Ok(metadata)) if metadata.is_file() => Ok(()),
        ("Socket", Ok(metadata)) if metadata.file_type().is_socket() => Ok(()),
        ("CharDevice", Ok(metadata)) if metadata.file_type().is_char_device() => Ok(()),
        ("BlockDevice", Ok(metadata)) if metadata.file_type().is_block_device() => Ok(()),
        ("Directory" | "DirectoryOrCreate", _) => wrong("a directory"),
        ("File" | "FileOrCreate", _) => wrong("a file"),
        ("Socket", _) => wrong("a socket file"),
        ("CharDevice", _) => wrong("a character device"),
        ("BlockDevice", _) => wrong("a block device"),
        (other, _) => wrong(&format!("of the known type {other}")),
    }
}

/// Follows links, but never out of the volume.
fn sub_path(volume: &Path, relative: &Path) -> io::Result<PathBuf> {
    if relative.components().any(|part| !matches!(part, Component::Normal(_) | Component::CurDir)) {
        return Err(io::Error::other(format!("the subPath {} leads out of its volume", relative.display())));
    }
    let path = volume.join(relative);
    let volume = fs::canonicalize(volume)?;
    let mut known = path.as_path();
    while !known.exists() {
        known = known.parent().ok_or_else(|| io::Error::other("the volume is not there"))?;
    }
    if !fs::canonicalize(known)?.starts_with(&volume) {
        return Err(io::Error::other(format!("the subPath {} leads out of its volume", relative.display())));
    }
    let known = known.to_owned();
    make_directories(&known, &path, &fs::metadata(&volume)?.permissions())?;
    fs::canonicalize(path)
}

/// Makes what is missing from a directory that is there to one below it. Whatever the process's mask, they get these permissions: who may
/// write into a volume may do so there as well.
fn make_directories(known: &Path, path: &Path, permissions: &Permissions) -> io::Result<()> {
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| *ancestor != known).collect();
    for directory in missing.into_iter().rev() {
        fs::create_dir(directory)?;
        fs::set_permissions(directory, permissions.clone())?;
    }
    Ok(())
}

/// Unmounts what is mounted within, then removes all. Host paths are never within.
fn remove_mounts_and_tree(path: &Path) -> io::Result<()> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let within = mounts.lines().filter_map(|line| line.split(' ').nth(1)).map(Path::new).filter(|target| target.starts_with(path));
    for target in within {
        umount2(target, MntFlags::MNT_DETACH)?;
    }
    remove_tree(path)
}

fn remove_tree(path: &Path) -> io::Result<()> {
    let removed = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    removed.or_else(|error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) })
}

#[cfg(test)]
mod tests {
    use super::super::Content;
    use super::*;

    fn payload(files: &[(&str, &str)]) -> Payload {
        let content = |text: &str| Content { bytes: text.into(), mode: 0o644 };
        files.iter().map(|(name, text)| ((*name).to_owned(), content(text))).collect()
    }

    #[tokio::test]
    async fn a_volume_is_replaced_as_a_whole_through_its_link() {
        let root = tempfile::tempdir().unwrap();
        let files = HostFiles::new(root.path());
        let place = Place { pod: "u", path: "volumes/config" };
        let path = files.write(place, &payload(&[("a", "1"), ("deep/b", "2")]), Ownership::default()).await.unwrap();
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "1");
        assert_eq!(fs::read_to_string(path.join("deep/b")).unwrap(), "2");
        let first = fs::read_link(path.join(DATA)).unwrap();
        files.write(place, &payload(&[("a", "1"), ("deep/b", "2")]), Ownership::default()).await.unwrap();
        assert_eq!(fs::read_link(path.join(DATA)).unwrap(), first, "nothing changed");
        files.write(place, &payload(&[("a", "3"), ("c", "4")]), Ownership::default()).await.unwrap();
        assert_eq!(fs::read_to_string(path.join("a")).unwrap(), "3");
        assert_eq!(fs::read_to_string(path.join("c")).unwrap(), "4");
        assert!(!path.join("deep").exists());
        assert!(!path.join(first).exists());
        files.remove("u").await.unwrap();
        assert!(files.pods().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_sub_path_never_leads_out_of_its_volume() {
        let root = tempfile::tempdir().unwrap();
        let files = HostFiles::new(root.path());
        let volume = files.empty(Place { pod: "u", path: "volumes/data" }, Empty::default()).await.unwrap();
        assert!(files.sub_path(&volume, "a/b").await.unwrap().is_dir());
        assert!(files.sub_path(&volume, "../x").await.is_err());
        symlink("/", volume.join("way-out")).unwrap();
        assert!(files.sub_path(&volume, "way-out/tmp").await.is_err());
    }

    #[tokio::test]
    async fn a_sub_path_that_is_made_is_as_open_as_its_volume() {
        let root = tempfile::tempdir().unwrap();
        let files = HostFiles::new(root.path());
        let volume = files.empty(Place { pod: "u", path: "volumes/data" }, Empty::default()).await.unwrap();
        let path = files.sub_path(&volume, "a/b").await.unwrap();
        for directory in [path.parent().unwrap(), &path] {
            assert_eq!(fs::metadata(directory).unwrap().mode() & 0o777, 0o777, "{}", directory.display());
        }
    }

    #[tokio::test]
    async fn host_paths_are_checked_by_their_type() {
        let root = tempfile::tempdir().unwrap();
        let files = HostFiles::new(root.path());
        let at = |name: &str| root.path().join(name);
        assert!(files.host_path(&at("new"), "DirectoryOrCreate").await.unwrap().is_dir());
        assert!(files.host_path(&at("file"), "FileOrCreate").await.unwrap().is_file());
        assert!(files.host_path(&at("file"), "Directory").await.is_err());
        assert!(files.host_path(&at("absent"), "File").await.is_err());
        assert!(files.host_path(&at("file"), "Socket").await.is_err());
    }
}
