package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"

	core "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/portforward"
	"k8s.io/client-go/tools/remotecommand"
	"k8s.io/client-go/util/exec"
)

const pod = "talker"

// exec, logs and port-forward, to a pod that prints `serving` and listens on 8080.
func containers(ctx context.Context, t teller) {
	logs := must(t.client.CoreV1().Pods(t.namespace).GetLogs(pod, &core.PodLogOptions{Follow: true}).Stream(ctx))
	line := make([]byte, len("serving\n"))
	_ = must(io.ReadFull(logs, line))
	check(string(line) == "serving\n", "%s", line)
	_ = logs.Close()
	execs(ctx, t)
	forwards(ctx, t)
}

func (t teller) subresource(name string) *rest.Request {
	return t.client.CoreV1().RESTClient().Post().Resource("pods").Namespace(t.namespace).Name(pod).SubResource(name)
}

func execs(ctx context.Context, t teller) {
	run := func(stdin, command string) (string, string, error) {
		options := core.PodExecOptions{Command: []string{"sh", "-c", command}, Stdin: true, Stdout: true, Stderr: true}
		url := t.subresource("exec").VersionedParams(&options, scheme.ParameterCodec).URL()
		var stdout, stderr bytes.Buffer
		err := must(remotecommand.NewWebSocketExecutor(t.config, "GET", url.String())).StreamWithContext(ctx, remotecommand.StreamOptions{Stdin: strings.NewReader(stdin), Stdout: &stdout, Stderr: &stderr})
		return stdout.String(), stderr.String(), err
	}
	stdout, _, err := run(strings.Repeat("a line\n", 10_000), "cat")
	check(err == nil && len(stdout) == 70_000, "%v after %d bytes", err, len(stdout))
	stdout, stderr, err := run("", "echo out; echo err >&2; exit 3")
	failed, is := err.(exec.CodeExitError)
	check(is && failed.Code == 3 && stdout == "out\n" && stderr == "err\n", "%v: %q %q", err, stdout, stderr)
}

func forwards(ctx context.Context, t teller) {
	dialer := must(portforward.NewSPDYOverWebsocketDialer(t.subresource("portforward").URL(), t.config))
	stop, ready, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	forwarder := must(portforward.NewOnAddresses(dialer, []string{"127.0.0.1"}, []string{"0:8080"}, stop, ready, io.Discard, io.Discard))
	go func() { ended <- forwarder.ForwardPorts() }()
	select {
	case <-ready:
	case err := <-ended:
		check(false, "%v", err)
	case <-ctx.Done():
		panic(context.Cause(ctx))
	}
	port := must(forwarder.GetPorts())[0].Local
	for range 3 {
		answer := must(http.Get(fmt.Sprintf("http://127.0.0.1:%d/", port)))
		body := must(io.ReadAll(answer.Body))
		check(string(body) == "talking\n", "%s", body)
	}
	close(stop)
}
