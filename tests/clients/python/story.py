"""What a controller written in Python relies on, told by the client `kubernetes` to the cluster of KUBECONFIG.

Once it prints KILL, the cluster is killed and started again; a line on standard input says that it is back.
"""

import datetime
import sys
import threading

import yaml
from kubernetes import client, config, dynamic, watch
from kubernetes.client.rest import ApiException
from kubernetes.leaderelection import electionconfig, leaderelection
from kubernetes.leaderelection.resourcelock.configmaplock import ConfigMapLock
from kubernetes.stream import portforward, stream

NS = "story"
DEADLINE = 30

config.load_kube_config()
api = client.CoreV1Api()
kinds = dynamic.DynamicClient(client.ApiClient())


def config_map(name, data=None, **metadata):
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, **metadata}, "data": data or {"key": "value"}}


def refused(call, *arguments, **options):
    """The reason of the Status that refuses the call."""
    try:
        call(*arguments, **options)
    except ApiException as error:
        return error.status, yaml.safe_load(error.body)["reason"]
    raise AssertionError("it was not refused")


def first(events, holds):
    """The first event that holds: the watch ends, and this fails, when its time is over."""
    for event in events:
        if holds(event):
            return event
    raise AssertionError("the watch ended before")


def objects():
    created = api.create_namespaced_config_map(NS, config_map("first", labels={"story": "objects"}))
    assert api.read_namespaced_config_map("first", NS) == created
    assert isinstance(created.metadata.creation_timestamp, datetime.datetime)
    assert refused(api.create_namespaced_config_map, NS, config_map("first")) == (409, "AlreadyExists")
    assert refused(api.read_namespaced_config_map, "absent", NS) == (404, "NotFound")
    assert refused(api.create_namespaced_config_map, NS, config_map("No")) == (422, "Invalid")
    dry = api.create_namespaced_config_map(NS, config_map("dry"), dry_run="All")
    assert dry.metadata.uid and refused(api.read_namespaced_config_map, "dry", NS) == (404, "NotFound")
    deleted = api.delete_namespaced_config_map("first", NS, body=client.V1DeleteOptions(preconditions={"uid": created.metadata.uid}))
    assert deleted.status == "Success"


def pages():
    for number in range(7):
        api.create_namespaced_config_map(NS, config_map(f"page-{number}", labels={"story": "pages"}))
    names, revisions, token = [], set(), None
    while token != "":
        page = api.list_namespaced_config_map(NS, label_selector="story in (pages)", limit=3, _continue=token)
        if token is None:
            # Who comes later is not on the pages of a list that has begun.
            api.create_namespaced_config_map(NS, config_map("page-9", labels={"story": "pages"}))
        names += [item.metadata.name for item in page.items]
        revisions.add(page.metadata.resource_version)
        token = page.metadata._continue or ""
    assert names == [f"page-{number}" for number in range(7)], names
    assert len(revisions) == 1, revisions
    assert len(api.list_namespaced_config_map(NS, field_selector="metadata.name=page-9").items) == 1
    api.delete_collection_namespaced_config_map(NS, label_selector="story=pages")
    assert api.list_namespaced_config_map(NS, label_selector="story=pages").items == []


def conflict():
    stale = api.create_namespaced_config_map(NS, config_map("conflict"))
    fresh = api.read_namespaced_config_map("conflict", NS)
    fresh.data["key"] = "second"
    fresh = api.replace_namespaced_config_map("conflict", NS, fresh)
    stale.data["key"] = "third"
    assert refused(api.replace_namespaced_config_map, "conflict", NS, stale) == (409, "Conflict")
    assert api.replace_namespaced_config_map("conflict", NS, fresh) == fresh, "what changes nothing is no write"
    assert refused(api.delete_namespaced_config_map, "conflict", NS, body={"preconditions": {"resourceVersion": "1"}}) == (409, "Conflict")


def patches():
    api.create_namespaced_service(NS, {"metadata": {"name": "web"}, "spec": {"ports": [{"name": "a", "port": 80}]}})
    patched = api.patch_namespaced_service("web", NS, {"spec": {"ports": [{"name": "b", "port": 81}]}})
    assert {port.port for port in patched.spec.ports} == {80, 81}, "a strategic merge adds by the key"
    patched = api.patch_namespaced_service("web", NS, [{"op": "remove", "path": "/spec/ports/0"}])
    assert len(patched.spec.ports) == 1
    merge = {"spec": {"ports": [{"name": "c", "port": 82}]}}
    services = kinds.resources.get(api_version="v1", kind="Service")
    patched = services.patch(merge, "web", NS, content_type="application/merge-patch+json")
    assert [port.port for port in patched.spec.ports] == [82], "a merge patch replaces a list"
    test = [{"op": "test", "path": "/spec/ports/0/port", "value": 1}]
    assert refused(api.patch_namespaced_service, "web", NS, test) == (422, "Invalid")


def applies():
    maps = kinds.resources.get(api_version="v1", kind="ConfigMap")
    mine = config_map("applied", {"mine": "1"})
    assert kinds.server_side_apply(maps, mine, "applied", NS, field_manager="me").data.mine == "1"
    theirs = config_map("applied", {"mine": "2", "theirs": "1"})
    try:
        kinds.server_side_apply(maps, theirs, "applied", NS, field_manager="them")
        raise AssertionError("it was not refused")
    except dynamic.exceptions.ConflictError as error:
        assert '.data.mine' in str(error.body), error.body
    forced = kinds.server_side_apply(maps, theirs, "applied", NS, field_manager="them", force_conflicts=True)
    assert forced.data.to_dict() == {"mine": "2", "theirs": "1"}
    assert sorted(entry.manager for entry in forced.metadata.managedFields) == ["them"], forced.metadata.managedFields
    gone = kinds.server_side_apply(maps, config_map("applied", {"mine": "2"}), "applied", NS, field_manager="them")
    assert gone.data.to_dict() == {"mine": "2"}, "what is applied no longer is taken out"


def watches():
    begin = api.list_namespaced_config_map(NS).metadata.resource_version
    made = api.create_namespaced_config_map(NS, config_map("watched", labels={"story": "watch"}))
    api.patch_namespaced_config_map("watched", NS, {"data": {"key": "changed"}})
    api.patch_namespaced_config_map("watched", NS, {"metadata": {"labels": {"story": "other"}}})
    events = watch.Watch().stream(
        api.list_namespaced_config_map, NS, resource_version=begin, label_selector="story=watch", timeout_seconds=DEADLINE
    )
    seen = [next(events), next(events), next(events)]
    assert [event["type"] for event in seen] == ["ADDED", "MODIFIED", "DELETED"], seen
    assert seen[0]["object"] == made and seen[1]["object"].data == {"key": "changed"}
    # A list by a watch: everything that is there, and a bookmark at its end.
    wanted = {item.metadata.name for item in api.list_namespaced_config_map(NS).items}
    options = {"send_initial_events": True, "resource_version_match": "NotOlderThan", "allow_watch_bookmarks": True}
    found = set()
    for event in watch.Watch().stream(api.list_namespaced_config_map, NS, timeout_seconds=DEADLINE, **options):
        if event["type"] == "BOOKMARK":
            assert event["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}, event
            break
        found.add(event["object"].metadata.name)
    assert found == wanted


def leaders():
    """Who leads is followed once it can no longer write."""
    led, cut_off = {name: threading.Event() for name in "ab"}, threading.Event()

    class Lock(ConfigMapLock):
        def update(self, *arguments):
            if self.identity == "a" and cut_off.is_set():
                return False
            return super().update(*arguments)

    def stand(name):
        stopped = threading.Event()
        configured = electionconfig.Config(Lock("leader", NS, name), 3, 2, 1, led[name].set, stopped.set)
        threading.Thread(target=leaderelection.LeaderElection(configured).run, daemon=True).start()
        return stopped

    stopped = stand("a")
    assert led["a"].wait(DEADLINE)
    stand("b")
    assert not led["b"].is_set()
    cut_off.set()
    assert stopped.wait(DEADLINE) and led["b"].wait(DEADLINE)


def killed():
    """Nothing that was acknowledged is lost, and who watches, and lists once its place is too old, skips nothing."""
    begin = api.list_namespaced_config_map(NS).metadata.resource_version
    acknowledged, seen, back, first_one = {}, {}, threading.Event(), threading.Event()
    done = threading.Event()

    def write():
        number = 0
        while len(acknowledged) < 40 or not back.is_set():
            name, number = f"kept-{number}", number + 1
            try:
                made = api.create_namespaced_config_map(NS, config_map(name, labels={"story": "kept"}))
                acknowledged[name] = (made.metadata.uid, made.metadata.resource_version)
                first_one.set()
            except Exception:
                assert back.wait(DEADLINE), "the cluster did not come back"
        done.set()

    def look():
        begun = begin
        while not (done.is_set() and acknowledged.keys() <= seen.keys()):
            try:
                options = {"label_selector": "story=kept", "resource_version": begun, "timeout_seconds": 2}
                for event in watch.Watch().stream(api.list_namespaced_config_map, NS, **options):
                    made = event["object"].metadata
                    assert event["type"] == "ADDED" and made.name not in seen, event
                    seen[made.name], begun = (made.uid, made.resource_version), made.resource_version
            except ApiException as error:
                assert error.status == 410, error
                begun = relist()
            except Exception:
                assert back.wait(DEADLINE), "the cluster did not come back"

    def relist():
        there = api.list_namespaced_config_map(NS, label_selector="story=kept")
        for made in (item.metadata for item in there.items):
            assert seen.setdefault(made.name, (made.uid, made.resource_version)) == (made.uid, made.resource_version)
        return there.metadata.resource_version

    threads = [threading.Thread(target=write, daemon=True), threading.Thread(target=look, daemon=True)]
    for thread in threads:
        thread.start()
    assert first_one.wait(DEADLINE)
    print("KILL", flush=True)
    assert sys.stdin.readline()
    back.set()
    for thread in threads:
        thread.join(DEADLINE)
        assert not thread.is_alive()
    listed = {item.metadata.name: (item.metadata.uid, item.metadata.resource_version)
              for item in api.list_namespaced_config_map(NS, label_selector="story=kept").items}
    lost = acknowledged.items() - listed.items()
    assert not lost, lost
    assert seen == listed, (seen.keys() ^ listed.keys())


def containers():
    """exec, logs and port-forward, to the pod `talker`, which prints `serving` and listens on 8080."""
    def run(*command, **options):
        return stream(api.connect_get_namespaced_pod_exec, "talker", NS, command=list(command), stdout=True, stderr=True, **options)

    assert run("sh", "-c", "echo out") == "out\n"
    session = run("sh", "-c", "cat; echo oops >&2; exit 3", stdin=True, _preload_content=False)
    session.write_stdin("hello\n")
    assert session.readline_stdout(timeout=DEADLINE) == "hello"
    session.close()
    failing = run("sh", "-c", "echo oops >&2; exit 3", _preload_content=False)
    failing.run_forever(timeout=DEADLINE)
    assert (failing.read_stderr(), failing.returncode) == ("oops\n", 3)
    assert "serving" in api.read_namespaced_pod_log("talker", NS, tail_lines=1)
    logs = watch.Watch().stream(api.read_namespaced_pod_log, "talker", NS, follow=True)
    assert next(logs) == "serving"
    forward = portforward(api.connect_get_namespaced_pod_portforward, "talker", NS, ports="8080")
    socket = forward.socket(8080)
    socket.settimeout(DEADLINE)
    socket.sendall(b"GET / HTTP/1.0\r\n\r\n")
    answer = b""
    while more := socket.recv(4096):
        answer += more
    assert answer.startswith(b"HTTP/1.") and answer.endswith(b"talking\n"), (answer, forward.error(8080))


chapters = [containers]
if sys.argv[1:] != ["containers"]:
    api.create_namespace({"metadata": {"name": NS}})
    chapters = [objects, pages, conflict, patches, applies, watches, leaders, killed]
for chapter in chapters:
    chapter()
    print("told:", chapter.__name__, flush=True)
