// What a controller written in JavaScript relies on, told by `@kubernetes/client-node` to the cluster of KUBECONFIG.
//
// Once it prints KILL, the cluster is killed and started again; a line on standard input says that it is back.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';

// The packages are installed beside no source: MODULES says where.
const k8s = createRequire(`${process.env.MODULES}/`)('@kubernetes/client-node');

const NS = 'story';
const DEADLINE = 30_000;
const MAPS = `/api/v1/namespaces/${NS}/configmaps`;

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const coordination = config.makeApiClient(k8s.CoordinationV1Api);
const any = k8s.KubernetesObjectApi.makeApiClient(config);
const { PatchStrategy } = k8s;

const configMap = (name, data = { key: 'value' }, labels = {}) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: NS, labels }, data });
const create = (body) => core.createNamespacedConfigMap({ namespace: NS, body });
const list = (labelSelector) => core.listNamespacedConfigMap({ namespace: NS, labelSelector });
const as = (strategy) => k8s.setHeaderOptions('Content-Type', strategy);

/** The code and the reason of the Status that refuses it. */
async function refused(promise) {
  const error = await promise.then(() => assert.fail('it was not refused'), (error) => error);
  const body = typeof error.body === 'string' ? JSON.parse(error.body) : error.body;
  return [error.code, body?.reason];
}

/** What comes true at last; fails when its time is over. */
function within(promise, what) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`${what} did not come`)), DEADLINE).unref());
  return Promise.race([promise, late]);
}

/** The events of a watch, up to the one that is the last. */
function watched(query, isLast) {
  const events = [];
  const seen = new Promise((resolve, reject) => {
    const take = (type, object) => {
      events.push([type, object]);
      if (!isLast(type, object)) return;
      resolve(events);
      request.then((controller) => controller.abort());
    };
    const request = new k8s.Watch(config).watch(MAPS, query, take, (error) => reject(error ?? new Error('the watch ended before')));
  });
  return within(seen, 'an event');
}

async function objects() {
  const created = await create(configMap('first', { key: 'value' }, { story: 'objects' }));
  const read = () => core.readNamespacedConfigMap({ name: 'first', namespace: NS });
  assert.deepEqual(await read(), created);
  assert.ok(created.metadata.creationTimestamp instanceof Date);
  assert.deepEqual(await refused(create(configMap('first'))), [409, 'AlreadyExists']);
  assert.deepEqual(await refused(core.readNamespacedConfigMap({ name: 'absent', namespace: NS })), [404, 'NotFound']);
  assert.deepEqual(await refused(create(configMap('No'))), [422, 'Invalid']);
  await core.createNamespacedConfigMap({ namespace: NS, body: configMap('dry'), dryRun: 'All' });
  assert.deepEqual(await refused(core.readNamespacedConfigMap({ name: 'dry', namespace: NS })), [404, 'NotFound']);
  const body = { preconditions: { uid: created.metadata.uid } };
  assert.equal((await core.deleteNamespacedConfigMap({ name: 'first', namespace: NS, body })).status, 'Success');
  const { items } = await any.list('v1', 'Namespace');
  assert.ok(items.some((namespace) => namespace.metadata.name === NS));
}

async function pages() {
  for (let number = 0; number < 7; number += 1) await create(configMap(`page-${number}`, undefined, { story: 'pages' }));
  const names = [];
  const revisions = new Set();
  let token;
  do {
    const page = await core.listNamespacedConfigMap({ namespace: NS, labelSelector: 'story=pages', limit: 3, _continue: token });
    // Who comes later is not on the pages of a list that has begun.
    if (token === undefined) await create(configMap('page-9', undefined, { story: 'pages' }));
    names.push(...page.items.map((item) => item.metadata.name));
    revisions.add(page.metadata.resourceVersion);
    token = page.metadata._continue;
  } while (token);
  assert.deepEqual(names, [0, 1, 2, 3, 4, 5, 6].map((number) => `page-${number}`));
  assert.equal(revisions.size, 1);
  await core.deleteCollectionNamespacedConfigMap({ namespace: NS, labelSelector: 'story=pages' });
  assert.deepEqual((await list('story=pages')).items, []);
}

async function conflict() {
  const stale = await create(configMap('conflict'));
  const replace = (body) => core.replaceNamespacedConfigMap({ name: 'conflict', namespace: NS, body });
  const fresh = await replace({ ...stale, data: { key: 'second' } });
  assert.deepEqual(await refused(replace({ ...stale, data: { key: 'third' } })), [409, 'Conflict']);
  assert.equal((await replace(fresh)).metadata.resourceVersion, fresh.metadata.resourceVersion, 'what changes nothing is no write');
}

async function patches() {
  const ports = (...numbers) => numbers.map((port) => ({ name: `p${port}`, port }));
  await core.createNamespacedService({ namespace: NS, body: { metadata: { name: 'web' }, spec: { ports: ports(80) } } });
  const patch = async (body, strategy) => {
    const patched = await core.patchNamespacedService({ name: 'web', namespace: NS, body }, as(strategy));
    return patched.spec.ports.map(({ port }) => port).sort();
  };
  assert.deepEqual(await patch({ spec: { ports: ports(81) } }, PatchStrategy.StrategicMergePatch), [80, 81]);
  assert.deepEqual(await patch([{ op: 'replace', path: '/spec/ports/0/port', value: 79 }], PatchStrategy.JsonPatch), [79, 80]);
  assert.deepEqual(await patch({ spec: { ports: ports(82) } }, PatchStrategy.MergePatch), [82]);
  const test = [{ op: 'test', path: '/spec/ports/0/port', value: 1 }];
  assert.deepEqual(await refused(patch(test, PatchStrategy.JsonPatch)), [422, 'Invalid']);
  assert.deepEqual(await refused(patch({}, 'text/plain')), [415, 'UnsupportedMediaType']);
}

async function applies() {
  const apply = (data, manager, force) => any.patch(configMap('applied', data), undefined, undefined, manager, force, PatchStrategy.ServerSideApply);
  assert.deepEqual((await apply({ mine: '1' }, 'me')).data, { mine: '1' });
  assert.deepEqual(await refused(apply({ mine: '2', theirs: '1' }, 'them')), [409, 'Conflict']);
  const forced = await apply({ mine: '2', theirs: '1' }, 'them', true);
  assert.deepEqual(forced.data, { mine: '2', theirs: '1' });
  assert.deepEqual(forced.metadata.managedFields.filter(({ fieldsV1 }) => 'f:data' in fieldsV1).map(({ manager }) => manager), ['them']);
  assert.deepEqual((await apply({ mine: '2' }, 'them')).data, { mine: '2' }, 'what is applied no longer is taken out');
}

async function watches() {
  const begin = (await list()).metadata.resourceVersion;
  await create(configMap('watched', undefined, { story: 'watch' }));
  const patch = (body) => core.patchNamespacedConfigMap({ name: 'watched', namespace: NS, body }, as(PatchStrategy.MergePatch));
  await patch({ data: { key: 'changed' } });
  await patch({ metadata: { labels: { story: 'other' } } });
  const events = await watched({ resourceVersion: begin, labelSelector: 'story=watch' }, (type) => type === 'DELETED');
  assert.deepEqual(events.map(([type]) => type), ['ADDED', 'MODIFIED', 'DELETED']);
  assert.deepEqual(events[1][1].data, { key: 'changed' });
  // A list by a watch: everything that is there, and a bookmark at its end.
  const streamed = { sendInitialEvents: true, resourceVersionMatch: 'NotOlderThan', allowWatchBookmarks: true };
  const initial = await watched(streamed, (type) => type === 'BOOKMARK');
  const [, bookmark] = initial.pop();
  assert.equal(bookmark.metadata.annotations['k8s.io/initial-events-end'], 'true');
  assert.deepEqual(initial.map(([, { metadata }]) => metadata.name).sort(), (await list()).items.map(({ metadata }) => metadata.name).sort());
}

/** Of those who take a lease at once, one has it; the others are told. */
async function leaders() {
  const lease = (holder, resourceVersion) => ({
    metadata: { name: 'leader', namespace: NS, resourceVersion },
    spec: { holderIdentity: holder, leaseDurationSeconds: 15, renewTime: new k8s.V1MicroTime() },
  });
  const namespaced = { name: 'leader', namespace: NS };
  const first = await coordination.createNamespacedLease({ namespace: NS, body: lease('nobody') });
  assert.match(first.spec.renewTime, /\.\d{6}Z$/);
  const { resourceVersion } = first.metadata;
  const candidates = ['a', 'b', 'c', 'd'].map((name) => coordination.replaceNamespacedLease({ ...namespaced, body: lease(name, resourceVersion) }));
  const outcomes = await Promise.allSettled(candidates);
  const won = outcomes.filter(({ status }) => status === 'fulfilled');
  assert.equal(won.length, 1);
  assert.ok(outcomes.every(({ reason }) => reason === undefined || reason.code === 409));
  const { spec } = await coordination.readNamespacedLease(namespaced);
  assert.equal(spec.holderIdentity, won[0].value.spec.holderIdentity);
}

/** Nothing that was acknowledged is lost, and an informer that reconnects skips nothing. */
async function killed() {
  const [acknowledged, seen] = [new Map(), new Map()];
  const lines = createInterface({ input: process.stdin });
  const label = 'story=kept';
  const informer = k8s.makeInformer(config, MAPS, () => list(label), label);
  let [came, isBack] = [() => {}, false];
  const back = once(lines, 'line').then(() => { isBack = true; lines.close(); });
  informer.on('add', ({ metadata }) => {
    assert.ok(!seen.has(metadata.name), `${metadata.name} came twice`);
    seen.set(metadata.name, metadata.uid);
    came();
  });
  informer.on('error', () => back.then(() => informer.start()));
  await informer.start();

  let after = 0;
  const write = async () => {
    for (let number = 0; after < 20; number += 1) {
      try {
        const { metadata } = await create(configMap(`kept-${number}`, undefined, { story: 'kept' }));
        acknowledged.set(metadata.name, metadata.uid);
        if (number === 20) process.stdout.write('KILL\n');
        after += isBack ? 1 : 0;
      } catch {
        await within(back, 'the cluster');
      }
    }
  };
  await within(write(), 'the end of the writer');
  const items = new Map((await list(label)).items.map(({ metadata }) => [metadata.name, metadata.uid]));
  for (const [name, uid] of acknowledged) assert.equal(items.get(name), uid, `${name} is lost`);
  const all = new Promise((resolve) => { came = () => seen.size === items.size && resolve(); });
  came();
  await within(all, 'what the informer has not seen');
  assert.deepEqual(seen, items);
  await informer.stop();
}

/** exec, logs and port-forward, to the pod `talker`, which prints `serving` and listens on 8080. */
async function containers() {
  const text = async (stream, until) => {
    let all = '';
    stream.on('data', (chunk) => { all += chunk; });
    while (!until(all)) await within(once(stream, 'data'), `more than ${JSON.stringify(all)}`);
    return all;
  };
  const run = async (command, stdin) => {
    const [stdout, stderr] = [new PassThrough(), new PassThrough()];
    let ended;
    const status = new Promise((resolve) => { ended = resolve; });
    await new k8s.Exec(config).exec(NS, 'talker', 'talker', command, stdout, stderr, stdin, false, ended);
    return { stdout, stderr, status };
  };
  const failing = await run(['sh', '-c', 'echo oops >&2; exit 3'], null);
  assert.equal(await text(failing.stderr, (all) => all.includes('\n')), 'oops\n');
  const { status, details } = await within(failing.status, 'a status');
  assert.deepEqual([status, details.causes], ['Failure', [{ reason: 'ExitCode', message: '3' }]]);
  const stdin = new PassThrough();
  const reading = await run(['sh', '-c', 'read line; echo got $line'], stdin);
  stdin.write('hello\n');
  assert.equal(await text(reading.stdout, (all) => all.includes('\n')), 'got hello\n');
  assert.equal((await within(reading.status, 'a status')).status, 'Success');

  const log = new PassThrough();
  const following = await new k8s.Log(config).log(NS, 'talker', 'talker', log, { follow: true });
  assert.match(await text(log, (all) => all.includes('serving')), /serving/);
  following.abort();

  const [output, input] = [new PassThrough(), new PassThrough()];
  const socket = await new k8s.PortForward(config).portForward(NS, 'talker', [8080], output, null, input);
  input.write('GET / HTTP/1.0\r\n\r\n');
  assert.match(await text(output, (all) => all.includes('talking')), /^HTTP\/1.* 200/);
  socket.close();
}

let chapters = [containers];
if (process.argv[2] !== 'containers') {
  await core.createNamespace({ body: { metadata: { name: NS } } });
  chapters = [objects, pages, conflict, patches, applies, watches, leaders, killed];
}
for (const chapter of chapters) {
  await chapter();
  console.log('told:', chapter.name);
}
process.exit(0);
