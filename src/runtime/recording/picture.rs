//! How things stand, as far as records tell: what a file that follows another begins with.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use bytes::Bytes;
use jiff::Timestamp;

use super::record::{ContainerRecord, Entry, ImageRecord, NodeRecord, ObjectRecord, Record, SandboxRecord, Start};
use crate::runtime::store::{Key, Revision};

/// Everything that stands as of the newest record.
#[derive(Default)]
pub(super) struct Picture {
    pub objects: BTreeMap<Key, (Revision, Bytes)>,
    start: Option<Start>,
    name_server: Option<SocketAddr>,
    nodes: BTreeMap<String, NodeRecord>,
    sandboxes: BTreeMap<(String, String), SandboxRecord>,
    containers: BTreeMap<(String, String), ContainerRecord>,
    images: BTreeMap<(String, String), ImageRecord>,
    findings: BTreeMap<(String, String, u32, String), (u64, bool)>,
    outages: BTreeMap<String, String>,
}

impl Picture {
    pub fn see(&mut self, record: &Record) {
        match record {
            Record::Start(start) => (self.start, self.name_server) = (Some(start.clone()), None),
            Record::NameServer { address } => self.name_server = Some(*address),
            Record::Node(node) => drop(self.nodes.insert(node.name.clone(), node.clone())),
            Record::Object(object) | Record::Commit(object) => self.write(object),
            Record::Sandbox { node, sandbox } => {
                self.sandboxes.insert((node.clone(), sandbox.id.clone()), sandbox.clone());
            }
            Record::SandboxGone { node, id } => drop(self.sandboxes.remove(&(node.clone(), id.clone()))),
            Record::Container { node, container } => {
                self.containers.insert((node.clone(), container.id.clone()), container.clone());
            }
            Record::ContainerGone { node, id } => self.lose(node, id),
            Record::Present { node, sandboxes, containers } => {
                self.sandboxes.retain(|(of, id), _| of != node || sandboxes.contains(id));
                self.containers.retain(|(of, id), _| of != node || containers.contains(id));
            }
            Record::Image { node, reference, image } => {
                self.images.insert((node.clone(), reference.clone()), image.clone());
            }
            Record::Finding { owner, name, attempt, what, nth, good } => {
                self.findings.insert((owner.clone(), name.clone(), *attempt, what.clone()), (*nth, *good));
            }
            Record::Outage { node, why } => match why {
                Some(why) => drop(self.outages.insert(node.clone(), why.clone())),
                None => drop(self.outages.remove(node)),
            },
            Record::Act(act) => {
                if let Some(image) = &act.image {
                    self.images.insert((act.node.clone(), act.name.clone()), image.clone());
                }
            }
            Record::Stop
            | Record::Ask { .. }
            | Record::Answer { .. }
            | Record::Kill { .. }
            | Record::Panic { .. }
            | Record::Lost { .. } => {}
        }
    }

    fn write(&mut self, object: &ObjectRecord) {
        let key = Key::new(&*object.collection, &*object.path);
        match &object.value {
            Some(value) => {
                let bytes = Bytes::copy_from_slice(value.get().as_bytes());
                self.objects.insert(key, (Revision(object.revision), bytes));
            }
            None => drop(self.objects.remove(&key)),
        }
    }

    fn lose(&mut self, node: &str, id: &str) {
        if let Some(gone) = self.containers.remove(&(node.to_owned(), id.to_owned())) {
            self.findings.retain(|(owner, name, attempt, _), _| (&*gone.owner, &*gone.name, gone.attempt) != (owner, name, *attempt));
        }
    }

    /// All of it but the objects, as records.
    pub fn entries(&self, at: Timestamp) -> Vec<Entry> {
        let start = self.start.iter().cloned().map(Record::Start);
        let name_server = self.name_server.map(|address| Record::NameServer { address });
        let nodes = self.nodes.values().cloned().map(Record::Node);
        let images = self.images.iter().map(|((node, reference), image)| {
            let (node, reference, image) = (node.clone(), reference.clone(), image.clone());
            Record::Image { node, reference, image }
        });
        let sandboxes = self.sandboxes.iter().map(|((node, _), sandbox)| Record::Sandbox { node: node.clone(), sandbox: sandbox.clone() });
        let containers =
            self.containers.iter().map(|((node, _), container)| Record::Container { node: node.clone(), container: container.clone() });
        let findings = self.findings.iter().map(|((owner, name, attempt, what), (nth, good))| {
            let (owner, name, what) = (owner.clone(), name.clone(), what.clone());
            Record::Finding { owner, name, attempt: *attempt, what, nth: *nth, good: *good }
        });
        let outages = self.outages.iter().map(|(node, why)| Record::Outage { node: node.clone(), why: Some(why.clone()) });
        let all = start.chain(name_server).chain(nodes).chain(images).chain(sandboxes).chain(containers).chain(findings).chain(outages);
        all.map(|record| Entry { at, record }).collect()
    }
}
