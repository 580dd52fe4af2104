// What a controller written in Go relies on, told by client-go to the cluster of KUBECONFIG: once as JSON, once as protobuf.
//
// Once it prints KILL, the cluster is killed and started again; a line on standard input says that it is back.
package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"time"

	core "k8s.io/api/core/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

const deadline = 30 * time.Second

// A teller tells one story: in a namespace of its own, in one of the two formats.
type teller struct {
	config    *rest.Config
	client    kubernetes.Interface
	namespace string
}

type chapter struct {
	name string
	tell func(context.Context, teller)
}

var chapters = []chapter{
	{"objects", objects},
	{"pages", pages},
	{"conflicts", conflicts},
	{"patches", patches},
	{"applies", applies},
	{"watches", watches},
	{"informers", informersSeeAll},
	{"events", recordsEvents},
	{"leaders", leaders},
	{"killed", killed},
}

func main() {
	config := must(clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG")))
	config.QPS, config.Burst = 1000, 1000
	told := chapters
	if len(os.Args) > 1 && os.Args[1] == "containers" {
		told = []chapter{{"containers", containers}}
	}
	for _, format := range []string{runtime.ContentTypeJSON, runtime.ContentTypeProtobuf} {
		config := rest.CopyConfig(config)
		config.ContentType = format
		tell(newTeller(config, len(told) > 1), told)
	}
}

func newTeller(config *rest.Config, alone bool) teller {
	client := must(kubernetes.NewForConfig(config))
	namespace := "story"
	if alone {
		space := core.Namespace{ObjectMeta: meta.ObjectMeta{GenerateName: "story-"}}
		namespace = must(client.CoreV1().Namespaces().Create(context.Background(), &space, meta.CreateOptions{})).Name
	}
	return teller{config, client, namespace}
}

func tell(teller teller, chapters []chapter) {
	for _, chapter := range chapters {
		ctx, cancel := context.WithTimeoutCause(context.Background(), deadline, fmt.Errorf("%s took too long", chapter.name))
		chapter.tell(ctx, teller)
		cancel()
		fmt.Println("told:", chapter.name, "as", teller.config.ContentType)
	}
}

// Asks for the cluster to be killed, and waits until it is back.
func kill() {
	fmt.Println("KILL")
	must(bufio.NewReader(os.Stdin).ReadString('\n'))
}

func must[T any](value T, err error) T {
	check(err == nil, "%v", err)
	return value
}

func check(holds bool, message string, arguments ...any) {
	if !holds {
		panic(fmt.Sprintf(message, arguments...))
	}
}

// Until waits for the next of what comes until it holds.
func until[T any](ctx context.Context, from <-chan T, holds func(T) bool) T {
	for {
		select {
		case next, open := <-from:
			check(open, "it ended before")
			if holds(next) {
				return next
			}
		case <-ctx.Done():
			panic(context.Cause(ctx))
		}
	}
}
