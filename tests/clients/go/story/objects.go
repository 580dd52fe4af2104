package main

import (
	"context"
	"fmt"
	"reflect"
	"strconv"
	"sync"

	core "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/errors"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	corev1 "k8s.io/client-go/applyconfigurations/core/v1"
	typed "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/pager"
	"k8s.io/client-go/util/retry"
)

func configMap(name, story string) *core.ConfigMap {
	metadata := meta.ObjectMeta{Name: name, Labels: map[string]string{"story": story}}
	return &core.ConfigMap{ObjectMeta: metadata, Data: map[string]string{"key": "value"}, BinaryData: map[string][]byte{"bytes": {0, 255}}}
}

func (t teller) maps() typed.ConfigMapInterface {
	return t.client.CoreV1().ConfigMaps(t.namespace)
}

func objects(ctx context.Context, t teller) {
	created := must(t.maps().Create(ctx, configMap("first", "objects"), meta.CreateOptions{}))
	read := must(t.maps().Get(ctx, "first", meta.GetOptions{}))
	check(equality.Semantic.DeepEqual(created, read), "%v is not %v", created, read)
	check(reflect.DeepEqual(read.BinaryData["bytes"], []byte{0, 255}), "%v", read.BinaryData)
	_, err := t.maps().Create(ctx, configMap("first", "objects"), meta.CreateOptions{})
	check(errors.IsAlreadyExists(err), "%v", err)
	_, err = t.maps().Get(ctx, "absent", meta.GetOptions{})
	check(errors.IsNotFound(err), "%v", err)
	_, err = t.maps().Create(ctx, configMap("No", "objects"), meta.CreateOptions{})
	check(errors.IsInvalid(err), "%v", err)
	check(len(err.(*errors.StatusError).ErrStatus.Details.Causes) == 1, "%v", err)
	_ = must(t.maps().Create(ctx, configMap("dry", "objects"), meta.CreateOptions{DryRun: []string{meta.DryRunAll}}))
	_, err = t.maps().Get(ctx, "dry", meta.GetOptions{})
	check(errors.IsNotFound(err), "%v", err)
	other := types.UID("another")
	err = t.maps().Delete(ctx, "first", meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &other}})
	check(errors.IsConflict(err), "%v", err)
	check(t.maps().Delete(ctx, "first", meta.DeleteOptions{Preconditions: &meta.Preconditions{UID: &created.UID}}) == nil, "not deleted")
	resources := must(t.client.Discovery().ServerPreferredResources())
	check(len(resources) > 10, "%v", resources)
}

func pages(ctx context.Context, t teller) {
	for number := range 7 {
		_ = must(t.maps().Create(ctx, configMap(fmt.Sprintf("page-%d", number), "pages"), meta.CreateOptions{}))
	}
	asked := 0
	lister := pager.New(func(ctx context.Context, options meta.ListOptions) (runtime.Object, error) {
		page, err := t.maps().List(ctx, options)
		if asked++; asked == 1 {
			// Who comes later is not on the pages of a list that has begun.
			_ = must(t.maps().Create(ctx, configMap("page-9", "pages"), meta.CreateOptions{}))
		}
		return page, err
	})
	lister.PageSize = 3
	var names []string
	err := lister.EachListItem(ctx, meta.ListOptions{LabelSelector: "story=pages"}, func(object runtime.Object) error {
		names = append(names, object.(*core.ConfigMap).Name)
		return nil
	})
	check(err == nil && len(names) == 7 && names[6] == "page-6" && asked == 3, "%v %v in %d", err, names, asked)
	selected := meta.ListOptions{LabelSelector: "story=pages"}
	check(t.maps().DeleteCollection(ctx, meta.DeleteOptions{}, selected) == nil, "not deleted")
	check(len(must(t.maps().List(ctx, selected)).Items) == 0, "something is left")
}

// Eight count at once in one object: who was too late reads again, and no count is lost.
func conflicts(ctx context.Context, t teller) {
	shared := configMap("shared", "conflicts")
	shared.Data["count"] = "0"
	stale := must(t.maps().Create(ctx, shared, meta.CreateOptions{}))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			err := retry.OnError(retry.DefaultBackoff, errors.IsConflict, func() error { return count(ctx, t) })
			for errors.IsConflict(err) {
				err = count(ctx, t)
			}
			check(err == nil, "%v", err)
		})
	}
	group.Wait()
	counted := must(t.maps().Get(ctx, "shared", meta.GetOptions{}))
	check(counted.Data["count"] == "8", "%v", counted.Data)
	_, err := t.maps().Update(ctx, stale, meta.UpdateOptions{})
	check(errors.IsConflict(err), "%v", err)
	again := must(t.maps().Update(ctx, counted, meta.UpdateOptions{}))
	check(again.ResourceVersion == counted.ResourceVersion, "what changes nothing is no write")
}

func count(ctx context.Context, t teller) error {
	shared, err := t.maps().Get(ctx, "shared", meta.GetOptions{})
	if err != nil {
		return err
	}
	shared.Data["count"] = strconv.Itoa(must(strconv.Atoi(shared.Data["count"])) + 1)
	_, err = t.maps().Update(ctx, shared, meta.UpdateOptions{})
	return err
}

func patches(ctx context.Context, t teller) {
	services := t.client.CoreV1().Services(t.namespace)
	spec := core.ServiceSpec{Type: core.ServiceTypeLoadBalancer, Ports: []core.ServicePort{{Name: "a", Port: 80}}}
	_ = must(services.Create(ctx, &core.Service{ObjectMeta: meta.ObjectMeta{Name: "web"}, Spec: spec}, meta.CreateOptions{}))
	for _, step := range []struct {
		format types.PatchType
		patch  string
		ports  int
	}{
		{types.StrategicMergePatchType, `{"spec":{"ports":[{"name":"b","port":81}]}}`, 2},
		{types.JSONPatchType, `[{"op":"remove","path":"/spec/ports/0"}]`, 1},
		{types.MergePatchType, `{"spec":{"ports":[{"name":"c","port":82},{"name":"d","port":83},{"name":"e","port":84}]}}`, 3},
	} {
		patched := must(services.Patch(ctx, "web", step.format, []byte(step.patch), meta.PatchOptions{}))
		check(len(patched.Spec.Ports) == step.ports, "%s: %v", step.format, patched.Spec.Ports)
	}
	status := `{"status":{"loadBalancer":{"ingress":[{"ip":"10.0.0.1"}]}}}`
	patched := must(services.Patch(ctx, "web", types.MergePatchType, []byte(status), meta.PatchOptions{}, "status"))
	check(patched.Status.LoadBalancer.Ingress[0].IP == "10.0.0.1", "%v", patched.Status)
	_, err := services.Patch(ctx, "web", types.JSONPatchType, []byte(`[{"op":"test","path":"/spec/ports/0/port","value":1}]`), meta.PatchOptions{})
	check(errors.IsInvalid(err), "%v", err)
}

func applies(ctx context.Context, t teller) {
	data := func(mine string) *corev1.ConfigMapApplyConfiguration {
		return corev1.ConfigMap("applied", t.namespace).WithData(map[string]string{"mine": mine})
	}
	mine := must(t.maps().Apply(ctx, data("1"), meta.ApplyOptions{FieldManager: "me"}))
	extracted := must(corev1.ExtractConfigMap(mine, "me"))
	check(reflect.DeepEqual(extracted.Data, data("1").Data), "%v", extracted.Data)
	theirs := data("2").WithData(map[string]string{"theirs": "1"})
	_, err := t.maps().Apply(ctx, theirs, meta.ApplyOptions{FieldManager: "them"})
	check(errors.IsConflict(err), "%v", err)
	causes := err.(*errors.StatusError).ErrStatus.Details.Causes
	check(len(causes) == 1 && causes[0].Type == meta.CauseTypeFieldManagerConflict && causes[0].Field == ".data.mine", "%v", causes)
	forced := must(t.maps().Apply(ctx, theirs, meta.ApplyOptions{FieldManager: "them", Force: true}))
	check(len(forced.Data) == 2, "%v", forced.Data)
	less := must(t.maps().Apply(ctx, data("2"), meta.ApplyOptions{FieldManager: "them"}))
	check(len(less.Data) == 1, "what is applied no longer is taken out: %v", less.Data)
}
