package main

import (
	"context"
	"fmt"
	"maps"
	"sync"
	"time"

	coordination "k8s.io/api/coordination/v1"
	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/events"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

func watches(ctx context.Context, t teller) {
	begin := must(t.maps().List(ctx, meta.ListOptions{})).ResourceVersion
	_ = must(t.maps().Create(ctx, configMap("watched", "watch"), meta.CreateOptions{}))
	for _, patch := range []string{`{"data":{"key":"changed"}}`, `{"metadata":{"labels":{"story":"other"}}}`} {
		_ = must(t.maps().Patch(ctx, "watched", "application/merge-patch+json", []byte(patch), meta.PatchOptions{}))
	}
	changes := must(t.maps().Watch(ctx, meta.ListOptions{ResourceVersion: begin, LabelSelector: "story=watch"}))
	var types []watch.EventType
	until(ctx, changes.ResultChan(), func(event watch.Event) bool {
		types = append(types, event.Type)
		return event.Type == watch.Deleted
	})
	changes.Stop()
	check(len(types) == 3 && types[0] == watch.Added && types[1] == watch.Modified, "%v", types)

	// A list by a watch: everything that is there, and a bookmark at its end.
	yes := true
	streamed := meta.ListOptions{SendInitialEvents: &yes, ResourceVersionMatch: meta.ResourceVersionMatchNotOlderThan, AllowWatchBookmarks: true}
	changes = must(t.maps().Watch(ctx, streamed))
	found := map[string]bool{}
	bookmark := until(ctx, changes.ResultChan(), func(event watch.Event) bool {
		if event.Type == watch.Added {
			found[event.Object.(*core.ConfigMap).Name] = true
		}
		return event.Type == watch.Bookmark
	})
	changes.Stop()
	check(bookmark.Object.(*core.ConfigMap).Annotations[meta.InitialEventsAnnotationKey] == "true", "%v", bookmark)
	check(maps.Equal(found, t.names(ctx, "")), "%v", found)
}

// The names of the config maps of a story.
func (t teller) names(ctx context.Context, selector string) map[string]bool {
	names := map[string]bool{}
	for _, item := range must(t.maps().List(ctx, meta.ListOptions{LabelSelector: selector})).Items {
		names[item.Name] = true
	}
	return names
}

// Informers of many kinds at once, typed and untyped, are in step with the cluster and told of each change.
func informersSeeAll(ctx context.Context, t teller) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	factory := informers.NewSharedInformerFactory(t.client, 0)
	_, _, _ = factory.Apps().V1().Deployments().Informer(), factory.Batch().V1().Jobs().Informer(), factory.Networking().V1().Ingresses().Informer()
	_, _, _ = factory.Core().V1().Pods().Informer(), factory.Core().V1().Nodes().Informer(), factory.Discovery().V1().EndpointSlices().Informer()
	_, _, _ = factory.Core().V1().Secrets().Informer(), factory.Rbac().V1().ClusterRoles().Informer(), factory.Storage().V1().CSINodes().Informer()
	typed := factory.Core().V1().ConfigMaps().Informer()
	untyped := dynamicinformer.NewDynamicSharedInformerFactory(must(dynamic.NewForConfig(t.config)), 0)
	loose := untyped.ForResource(core.SchemeGroupVersion.WithResource("configmaps")).Informer()
	told := make(chan string, 100)
	for _, informer := range []cache.SharedIndexInformer{typed, loose} {
		tell := func(what string) func(any any) {
			return func(object any) { told <- fmt.Sprintf("%s %T", what, object) }
		}
		added, deleted := tell("added"), tell("deleted")
		handler := cache.ResourceEventHandlerDetailedFuncs{DeleteFunc: deleted, AddFunc: func(object any, initial bool) {
			if !initial {
				added(object)
			}
		}}
		_ = must(informer.AddEventHandler(handler))
	}
	factory.Start(ctx.Done())
	untyped.Start(ctx.Done())
	for kind, synced := range factory.WaitForCacheSync(ctx.Done()) {
		check(synced, "%v is not in step", kind)
	}
	for kind, synced := range untyped.WaitForCacheSync(ctx.Done()) {
		check(synced, "%v is not in step", kind)
	}
	_ = must(t.maps().Create(ctx, configMap("informed", "informers"), meta.CreateOptions{}))
	check(t.maps().Delete(ctx, "informed", meta.DeleteOptions{}) == nil, "not deleted")
	wanted := map[string]bool{}
	for _, what := range []string{"added", "deleted"} {
		wanted[fmt.Sprintf("%s %T", what, &core.ConfigMap{})] = true
		wanted[fmt.Sprintf("%s %T", what, &unstructured.Unstructured{})] = true
	}
	until(ctx, told, func(what string) bool {
		delete(wanted, what)
		return len(wanted) == 0
	})
}

// What a recorder tells of an object can be read, and what is told again is counted.
func recordsEvents(ctx context.Context, t teller) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	about := must(t.maps().Create(ctx, configMap("about", "events"), meta.CreateOptions{}))
	about.APIVersion, about.Kind = "v1", "ConfigMap"
	changes := must(t.client.EventsV1().Events(t.namespace).Watch(ctx, meta.ListOptions{}))
	broadcaster := events.NewBroadcaster(&events.EventSinkImpl{Interface: t.client.EventsV1()})
	check(broadcaster.StartRecordingToSinkWithContext(ctx) == nil, "no recorder")
	broadcaster.NewRecorder(scheme.Scheme, "story").Eventf(about, nil, core.EventTypeNormal, "Told", "Telling", "it is %s", "told")
	until(ctx, changes.ResultChan(), func(event watch.Event) bool { return event.Type == watch.Added })
	selector := meta.ListOptions{FieldSelector: "involvedObject.name=about,reason=Told"}
	found := must(t.client.CoreV1().Events(t.namespace).List(ctx, selector)).Items
	check(len(found) == 1 && found[0].Message == "it is told", "%v", found)
}

// One leads; once it lets go, the other does.
func leaders(ctx context.Context, t teller) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	led := make(chan string, 10)
	stand := func(ctx context.Context, name string) {
		lock := must(resourcelock.New(resourcelock.LeasesResourceLock, t.namespace, "leader", t.client.CoreV1(), t.client.CoordinationV1(), resourcelock.ResourceLockConfig{Identity: name}))
		callbacks := leaderelection.LeaderCallbacks{OnStartedLeading: func(context.Context) { led <- name }, OnStoppedLeading: func() {}}
		go leaderelection.RunOrDie(ctx, leaderelection.LeaderElectionConfig{
			Lock: lock, LeaseDuration: 3 * time.Second, RenewDeadline: 2 * time.Second, RetryPeriod: 500 * time.Millisecond,
			ReleaseOnCancel: true, Callbacks: callbacks,
		})
	}
	// Microseconds that end in zeros keep their places.
	half := meta.NewMicroTime(time.Unix(1, 500_000_000))
	fixed := coordination.Lease{ObjectMeta: meta.ObjectMeta{Name: "half"}, Spec: coordination.LeaseSpec{RenewTime: &half}}
	made := must(t.client.CoordinationV1().Leases(t.namespace).Create(ctx, &fixed, meta.CreateOptions{}))
	check(made.Spec.RenewTime.Equal(&half), "%v", made.Spec.RenewTime)
	first, resign := context.WithCancel(ctx)
	stand(first, "a")
	until(ctx, led, func(name string) bool { return name == "a" })
	stand(ctx, "b")
	resign()
	until(ctx, led, func(name string) bool { return name == "b" })
	lease := must(t.client.CoordinationV1().Leases(t.namespace).Get(ctx, "leader", meta.GetOptions{}))
	check(*lease.Spec.HolderIdentity == "b" && *lease.Spec.LeaseTransitions >= 1, "%v", lease.Spec)
}

// Nothing that was acknowledged is lost, and an informer that lived through it has what is there.
func killed(ctx context.Context, t teller) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	factory := informers.NewSharedInformerFactoryWithOptions(t.client, 0, informers.WithNamespace(t.namespace))
	informer := factory.Core().V1().ConfigMaps().Informer()
	changed := make(chan struct{}, 10_000)
	_ = must(informer.AddEventHandler(cache.ResourceEventHandlerFuncs{AddFunc: func(any) { changed <- struct{}{} }}))
	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())

	acknowledged, back := sync.Map{}, make(chan struct{})
	first := make(chan string, 10_000)
	var group sync.WaitGroup
	for writer := range 3 {
		group.Go(func() { write(ctx, t, writer, back, &acknowledged, first) })
	}
	until(ctx, first, func(string) bool { return true })
	kill()
	close(back)
	group.Wait()
	there := map[string]string{}
	for _, item := range must(t.maps().List(ctx, meta.ListOptions{})).Items {
		there[item.Name] = item.ResourceVersion
	}
	acknowledged.Range(func(name, version any) bool {
		check(there[name.(string)] == version, "%v was acknowledged at %v, and is at %v", name, version, there[name.(string)])
		return true
	})
	known := func() map[string]string {
		known := map[string]string{}
		for _, object := range informer.GetStore().List() {
			known[object.(*core.ConfigMap).Name] = object.(*core.ConfigMap).ResourceVersion
		}
		return known
	}
	if !maps.Equal(known(), there) {
		until(ctx, changed, func(struct{}) bool { return maps.Equal(known(), there) })
	}
}

// Creates without end until ten were acknowledged after the cluster came back.
func write(ctx context.Context, t teller, writer int, back <-chan struct{}, acknowledged *sync.Map, told chan<- string) {
	after := 0
	for number := 0; after < 10; number++ {
		made, err := t.maps().Create(ctx, configMap(fmt.Sprintf("kept-%d-%d", writer, number), "kept"), meta.CreateOptions{})
		if err != nil {
			check(ctx.Err() == nil, "%v", err)
			select {
			case <-back:
			case <-ctx.Done():
				panic(context.Cause(ctx))
			}
			continue
		}
		acknowledged.Store(made.Name, made.ResourceVersion)
		told <- made.Name
		select {
		case <-back:
			after++
		default:
		}
	}
}
